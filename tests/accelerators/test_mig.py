"""MIG sizes: the least that will do, on every card."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.accelerators.fault import AcceleratorError
from tidegate.accelerators.mig import SIZES, smallest
from tidegate.accelerators.wish import wish
from tidegate.api.accelerator import Accelerator
from tidegate.api.accelerator_profile import AcceleratorProfileSpec


def size(card: str, products: tuple[str, ...] = (), **asks: str) -> str:
    """The size for a wish on a card with so much memory."""
    document = {
        "resourceName": "nvidia.com/gpu",
        "vendor": "NVIDIA",
        "products": list(products),
        "memory": card,
        "sharing": {"mechanism": "MIG"},
    }
    profile = AcceleratorProfileSpec.model_validate(document)
    return smallest(wish(Accelerator(profile="gpu", **asks), profile), profile).name


@pytest.mark.parametrize(
    ("memory", "fraction", "expected"),
    [
        ("40Gi", "0.14", "1g.10gb"),
        ("40Gi", "0.12", "1g.5gb"),
        ("80Gi", "0.25", "2g.20gb"),
        ("80Gi", "0.33", "3g.40gb"),
        ("80Gi", "0.5", "3g.40gb"),
        ("80Gi", "0.51", "7g.80gb"),
        ("95830Mi", "0.5", "3g.47gb"),
        ("143771Mi", "0.5", "3g.71gb"),
        ("183359Mi", "0.12", "1g.23gb"),
        ("24Gi", "0.25", "1g.6gb"),
        ("24Gi", "0.5", "2g.12gb"),
        ("24Gi", "1", "4g.24gb"),
    ],
)
def test_fractions(memory: str, fraction: str, expected: str) -> None:
    """Memory is met in eighths; of seven compute slices two halves have three each."""
    assert size(memory, fraction=fraction) == expected


@pytest.mark.parametrize(
    ("memory", "wanted", "expected"),
    [
        ("80Gi", "9Gi", "1g.10gb"),
        ("80Gi", "10Gi", "1g.20gb"),
        ("80Gi", "19Gi", "1g.20gb"),
        ("80Gi", "20Gi", "3g.40gb"),
        ("40Gi", "10Gi", "3g.20gb"),
        ("183359Mi", "40Gi", "1g.45gb"),
    ],
)
def test_memory_with_its_margin(memory: str, wanted: str, expected: str) -> None:
    """A slice has a little less than its name says."""
    assert size(memory, memory=wanted) == expected


def test_a_card_told_by_its_product() -> None:
    """RTX PRO 6000 has the memory of other cards, and quarters."""
    assert size("96Gi", ("NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition",), fraction="0.25") == "1g.24gb"
    assert size("96Gi", fraction="0.25") == "2g.24gb"


@given(st.sampled_from(sorted(SIZES)), st.integers(min_value=1, max_value=100))
def test_a_larger_wish_never_gets_a_smaller_slice(gigabytes: int, percent: int) -> None:
    """On no card; and every fraction up to all of it is met by some size."""
    order = {name: position for position, name in enumerate(SIZES[gigabytes])}

    def at(percent: int) -> int:
        return order[size(f"{gigabytes}Gi", fraction="1" if percent == 100 else f"0.{percent:02}")]

    assert at(percent) <= at(min(100, percent + 1))


@given(st.sampled_from(sorted(SIZES)), st.integers(min_value=64, max_value=280 * 1024))
def test_what_is_found_has_the_memory_that_was_asked_for(gigabytes: int, mebibytes: int) -> None:
    """Or it is refused, and two sizes are named."""
    try:
        found = size(f"{gigabytes}Gi", memory=f"{mebibytes}Mi")
    except AcceleratorError as refused:
        assert mebibytes * 1.05 > gigabytes * 1024
        assert "nearest are" in str(refused) or "ask for less" in str(refused)  # noqa: PT017 - as above
    else:
        named = int(found.partition("g.")[2].removesuffix("gb"))
        assert named * 1024 >= mebibytes or found.startswith(("7g", "4g.24"))
