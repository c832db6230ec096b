from faults.cycles import Cycles


def test_a_cycle_is_a_sleep_and_a_wake() -> None:
    """Sizes above zero do not count, nor does a service that is seen first at zero."""
    cycles = Cycles()
    for size in (0, 1, 4, 0, 0, 2, 0):
        cycles.see({"a": size})
    assert (cycles.slept, cycles.woke, cycles.complete) == (2, 2, 2)
    assert cycles.asleep("a")


def test_services_are_counted_together() -> None:
    """One that is not looked at for a while keeps the size that it had."""
    cycles = Cycles()
    for sizes in ({"a": 1, "b": 1}, {"a": 0}, {"a": 0, "b": 0}, {"a": 1, "b": 0}):
        cycles.see(sizes)
    assert (cycles.slept, cycles.woke, cycles.complete) == (2, 1, 1)
    assert not cycles.asleep("a")
    assert cycles.asleep("b")
    assert not cycles.asleep("unknown")
