from hypothesis import given
from hypothesis import strategies as st

from tidegate.metrics.idle_connections import IdleConnections


def test_servers_keep_their_connection_while_there_is_room() -> None:
    """The first servers keep theirs, and keep on keeping it; the next does not."""
    idle = IdleConnections(2, 4.0)
    assert [idle.may_keep(server, 0.0) for server in ("a", "b", "c", "a", "b")] == [True, True, False, True, True]


def test_room_is_made_by_connections_that_expired() -> None:
    """A server that was not used for the idle time gives up its place; one that was does not."""
    idle = IdleConnections(2, 4.0)
    for time, server in ((0.0, "a"), (0.0, "b"), (3.0, "a")):
        assert idle.may_keep(server, time)
    assert not idle.may_keep("c", 3.9)
    assert idle.may_keep("c", 5.0)
    assert not idle.may_keep("b", 5.5)
    assert idle.may_keep("a", 5.5)


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 9)), max_size=60), st.integers(0, 4))
def test_never_more_connections_than_allowed(uses: list[tuple[float, int]], maximum: int) -> None:
    """At no time do more servers have a connection in the idle window than may idle."""
    idle, now, kept = IdleConnections(maximum, 4.0), 0.0, {}
    for pause, server in uses:
        now += pause
        if idle.may_keep(server, now):
            kept[server] = now
        else:
            assert server not in kept or kept[server] <= now - 3.0
        assert sum(used > now - 4.0 for used in kept.values()) <= maximum
