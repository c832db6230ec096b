"""Where Envoy and the picker meet: the files and sockets of their shared directory."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Directory:
    """The directory that a gateway's Envoy and picker share, an `emptyDir` in a pod."""

    root: Path

    @property
    def bootstrap(self) -> Path:
        """Envoy's bootstrap."""
        return self.root / "bootstrap.json"

    @property
    def listeners(self) -> Path:
        """The directory that Envoy watches for `listener_file`."""
        return self.root / "listeners"

    @property
    def listener_file(self) -> Path:
        """The listeners of the moment."""
        return self.listeners / "lds.json"

    @property
    def picker_socket(self) -> Path:
        """Where the picker serves Envoy."""
        return self.root / "picker.sock"

    @property
    def repick_socket(self) -> Path:
        """Where Envoy asks itself for another pod."""
        return self.root / "repick.sock"

    @property
    def admin_socket(self) -> Path:
        """Where Envoy is administered."""
        return self.root / "admin.sock"
