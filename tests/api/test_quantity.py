from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tidegate.api.quantity import NonNegativeQuantity, PositiveQuantity, to_number

NUMBERS = [
    (4000, 4000.0),
    ("4000", 4000.0),
    ("0.5", 0.5),
    (".5", 0.5),
    ("5.", 5.0),
    ("+1", 1.0),
    ("-1", -1.0),
    ("500m", 0.5),
    ("1500u", 0.0015),
    ("2n", 2e-9),
    ("12k", 12_000.0),
    ("1.5M", 1_500_000.0),
    ("1G", 1e9),
    ("1T", 1e12),
    ("1P", 1e15),
    ("1E", 1e18),
    ("2Ki", 2048.0),
    ("1Mi", 1_048_576.0),
    ("1e3", 1000.0),
    ("1E3", 1000.0),
    ("25e-2", 0.25),
    ("0", 0.0),
]
WORDS = [
    "",
    "half",
    "1,5",
    "1 k",
    " 1",
    "1 ",
    "1\n",
    "0x10",
    "1e",
    "1e1.5",
    "1mm",
    "k",
    ".",
    "1K",
    "NaN",
    "inf",
    "--1",
    "\u0661",  # A digit, but not one of Kubernetes.
]


class TestToNumber:
    """Quantities as Kubernetes writes them."""

    @pytest.mark.parametrize(("quantity", "value"), NUMBERS)
    def test_a_quantity_is_a_number(self, quantity: int | str, value: float) -> None:
        """Suffixes of both kinds and exponents included."""
        assert to_number(quantity) == pytest.approx(value, rel=1e-12)

    @pytest.mark.parametrize("word", WORDS)
    def test_anything_else_is_refused(self, word: str) -> None:
        """The message quotes it and says what to write."""
        with pytest.raises(ValueError, match="is not a quantity: write an integer") as raised:
            to_number(word)
        assert repr(word) in str(raised.value)

    @given(st.text(max_size=16))
    @settings(deadline=None)
    def test_no_text_gives_anything_but_a_number_or_that_error(self, text: str) -> None:
        """Not even one that is made to break it."""
        with suppress(ValueError):
            assert isinstance(to_number(text), float)


class TestBounds:
    """The two kinds that the API uses."""

    @pytest.mark.parametrize("quantity", [1, "1n", "0.001", "500m", 10**9, "1G", "1e9"])
    def test_a_number_above_zero_is_positive(self, quantity: int | str) -> None:
        """It stays as it was written."""
        assert TypeAdapter(PositiveQuantity).validate_python(quantity) == quantity

    @pytest.mark.parametrize("quantity", [0, -1, "0", "0.000", "0k", "-500m", 10**9 + 1, "1000001k", "1e100", "half"])
    def test_others_are_not(self, quantity: int | str) -> None:
        """Neither zero nor more than a billion."""
        with pytest.raises(ValidationError):
            TypeAdapter(PositiveQuantity).validate_python(quantity)

    @pytest.mark.parametrize("quantity", [0, 1, "0", "0.1", "100m", "3", 10**9, "1G"])
    def test_zero_is_not_negative(self, quantity: int | str) -> None:
        """It stays as it was written."""
        assert TypeAdapter(NonNegativeQuantity).validate_python(quantity) == quantity

    @pytest.mark.parametrize("quantity", [-1, "-0.1", "-1m", "lots", "0.1000000000000000", 10**9 + 1, "1e999"])
    def test_less_than_zero_and_more_than_a_billion_are_refused(self, quantity: int | str) -> None:
        """As is what is no number, or longer than 16 characters."""
        with pytest.raises(ValidationError):
            TypeAdapter(NonNegativeQuantity).validate_python(quantity)
