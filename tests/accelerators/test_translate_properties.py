"""What holds of every translation, whatever is asked for."""

from contextlib import suppress
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from mechanism_rows import PROFILES, profile_of
from tidegate.accelerators.allocation import Allocation
from tidegate.accelerators.fault import AcceleratorError
from tidegate.accelerators.mechanisms import MECHANISMS
from tidegate.accelerators.translate import translate
from tidegate.api.accelerator import Accelerator
from tidegate.api.engine import EngineType
from tidegate.engines.catalog import TABLES
from tidegate.engines.share import memory_share

FRACTIONS = st.integers(min_value=1, max_value=99).map(lambda percent: {"fraction": f"0.{percent:02}"})
AMOUNTS = st.integers(min_value=64, max_value=200 * 1024).map(lambda mebibytes: {"memory": f"{mebibytes}Mi"})
MARGIN = Decimal("0.95")
"""Of a device: what engines on it may take together, so that each finds its own still free."""


def translated(profile: str, count: int, asks: dict[str, str]) -> Allocation | None:
    """What is given; None where it cannot be."""
    with suppress(AcceleratorError):
        return translate(Accelerator(profile=profile, count=count, **asks), profile_of(profile))
    return None


@given(st.sampled_from(sorted(PROFILES)), st.integers(min_value=1, max_value=3), FRACTIONS | AMOUNTS)
def test_nobody_gets_less_than_was_asked_for(profile: str, count: int, asks: dict[str, str]) -> None:
    """Nor more than a device; what is requested is whole numbers; a price is that of the share."""
    found = translated(profile, count, asks)
    if found is None:
        return
    assert found.asked is not None
    assert found.granted is not None
    assert found.mechanism is not None
    # Halves of seven compute slices are three each, and the larger of memory and compute is what is granted.
    assert found.asked <= found.granted <= 1
    assert all(quantity.isdecimal() and int(quantity) > 0 for quantity in found.additions.resources.values())
    if found.cost_per_hour is not None:
        price = Decimal(str(profile_of(profile).cost_per_hour))
        assert found.cost_per_hour == price * count * found.granted
    if found.granted < 1 and count > 1:
        assert MECHANISMS[found.mechanism].shares_of_several


@given(st.sampled_from(sorted(PROFILES)), FRACTIONS | AMOUNTS, st.sampled_from([EngineType.VLLM, EngineType.SGLANG]))
def test_engines_on_one_device_find_room_for_each_other(profile: str, asks: dict[str, str], engine: EngineType) -> None:
    """As many as shares of this size fit together take less than the device has; on a share alone nothing is told."""
    found = translated(profile, 1, asks)
    if found is None or found.granted is None:
        return
    told = memory_share(TABLES[engine], (), found.visible_share)
    if found.visible_share == 1:
        assert told.flags == ()
    else:
        neighbours = int(1 / found.granted)
        assert Decimal(str(told.memory_utilization)) * neighbours <= MARGIN
