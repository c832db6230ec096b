"""Requests that a picker before this one sent off: Envoy carries them on, and all that is known of them is where."""

from collections.abc import Mapping

from tidegate.gateway.policy.pod_load import PodLoad
from tidegate.gateway.policy.service import Service


class Inherited:
    """Counts by address, for pods that are known and for those that are yet to be."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._pods: dict[str, tuple[Service, PodLoad]] = {}

    def put(self, service: Service, load: PodLoad) -> None:
        """Learn whose an address is."""
        address = load.pod.address
        if address:
            self._pods[address] = (service, load)
            load.inherited = self._counts.get(address, 0)

    def forget(self, load: PodLoad) -> None:
        """A pod is gone, or has another address now."""
        _, owner = self._pods.get(load.pod.address, (None, None))
        if owner is load:  # Addresses are given again, sometimes before the pod that had one is forgotten.
            del self._pods[load.pod.address]

    def resync(self, counts: Mapping[str, int]) -> None:
        """Take over.

        Args:
            counts: address to requests that Envoy has there and this picker did not send.
        """
        self._counts = dict(counts)
        for address, (_, load) in self._pods.items():
            load.inherited = self._counts.get(address, 0)

    def end(self, address: str) -> Service | None:
        """One with this address has ended.

        Returns:
            Whose it was; None where that is not known.
        """
        left = self._counts.pop(address, 0) - 1
        if left > 0:
            self._counts[address] = left
        service, load = self._pods.get(address, (None, None))
        if load is not None:
            load.inherited = max(0, left)
        return service
