"""The signals that end a process, beside kopf, which wants them for itself."""

import asyncio
import signal


def stop_on_signals(stop: asyncio.Event) -> None:
    """Have SIGTERM and SIGINT set an event."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def stopped(stop: asyncio.Event, watching: asyncio.Event) -> None:
    """Wait for a signal. kopf takes the signals when it starts, and then takes 5 s to end: take them back.

    Args:
        stop: set by the signals.
        watching: set by kopf when it has taken them.
    """
    events = {asyncio.create_task(event.wait()) for event in (watching, stop)}
    await asyncio.wait(events, return_when=asyncio.FIRST_COMPLETED)
    for event in events:
        event.cancel()
    stop_on_signals(stop)
    await stop.wait()
