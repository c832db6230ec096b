"""Feeds a gateway's store, out of reach of what else the gateway does.

kopf gives up all of its watches when the API server refuses one, and cancels every task of its loop that began after
it: those that answer Envoy among them. So it has a thread and a loop of its own. What it hears is handed over, in its
order; what is known stays true for as long as nothing is heard, and requests go on.
"""

import asyncio
import threading

from tidegate.cluster.feed import Fed, watch
from tidegate.cluster.resources import Document, Key, Resource


class _Relay:
    """The store, as kopf's thread sees it: each call is carried out in the gateway's loop."""

    def __init__(self, store: Fed, loop: asyncio.AbstractEventLoop) -> None:
        self._store = store
        self._loop = loop

    @property
    def watched(self) -> tuple[Resource, ...]:
        return self._store.watched

    def put(self, resource: Resource, document: Document) -> None:
        self._loop.call_soon_threadsafe(self._store.put, resource, document)

    def forget(self, resource: Resource, key: Key) -> None:
        self._loop.call_soon_threadsafe(self._store.forget, resource, key)


async def feed(store: Fed, kubeconfig: str | None, namespaces: tuple[str, ...]) -> None:
    """Feed the store until a watch is refused.

    Cancelled, it leaves the thread behind, which ends with the process: kopf needs seconds to end by itself.

    Args:
        store: what is fed, in the loop of the caller.
        kubeconfig: as for `watch`.
        namespaces: as for `watch`.

    Raises:
        ClusterError: if the API server refuses to go on with a watch.
    """
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    relay = _Relay(store, loop)

    def run() -> None:
        problem: BaseException | None = None
        try:
            asyncio.run(watch(relay, kubeconfig, namespaces, asyncio.Event()))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is told where somebody can act on it.
            problem = error
        loop.call_soon_threadsafe(_conclude, over, problem)

    threading.Thread(target=run, name="watches", daemon=True).start()
    await over


def _conclude(over: "asyncio.Future[None]", problem: BaseException | None) -> None:
    if over.done():
        return  # Nobody waits for it any more.
    if problem is None:
        over.set_result(None)
    else:
        over.set_exception(problem)
