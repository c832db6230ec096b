import pytest

from tidegate.scaling.wording import count, number, requests


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0, "0"),
        (41, "41"),
        (9234.6, "9,230"),
        (9999, "10,000"),
        (1_234_567, "1,230,000"),
        (99.96, "100"),
        (1.9876, "1.99"),
        (2.5, "2.5"),
        (0.25, "0.25"),
        (0.000_123_4, "0.000123"),
        (-4.2, "-4.2"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
    ],
)
def test_numbers_have_three_digits_that_count(value: float, text: str) -> None:
    """More would be noise, fewer would be wrong."""
    assert number(value) == text


def test_one_is_singular() -> None:
    """Sentences are read by people."""
    assert [count(amount, "pod") for amount in (0, 1, 2)] == ["0 pods", "1 pod", "2 pods"]
    assert [requests(amount) for amount in (0.0, 1.0, 1200.0)] == ["0 requests", "1 request", "1,200 requests"]
