"""What the hardware costs, and what a replica on it can do."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tidegate.api.names import DEFAULT_VARIANT
from tidegate.simulator.models import MODELS, ReplicaModel

PRICE_LIST = (
    "[Google Cloud's list prices](https://cloud.google.com/compute/vm-instance-pricing), on demand, us-central1, in "
    "dollars, as [collected](https://github.com/Cyclenerd/google-cloud-pricing-cost-calculator) on 6 March 2025"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of hardware."""

    name: str
    machine: str
    """What is bought."""

    cost_per_hour: float
    model_name: str
    """The replica model that ships, of which `model` is made."""

    model: ReplicaModel
    figures: str
    """Where those of the model are from."""

    initial_replicas: int
    """Enough for the beginning of each trace, where nothing else is used."""


KINDS: Mapping[str, Kind] = {
    DEFAULT_VARIANT: Kind(
        name="A100",
        machine="a2-highgpu-1g: one A100 of 40 GB",
        cost_per_hour=3.673385,
        model_name="a100",
        model=replace(MODELS["a100"], startup_seconds=120),
        figures="assumed: the measured RTX 4090, scaled by memory bandwidth and compute",
        initial_replicas=1,
    ),
    "l4": Kind(
        name="L4",
        machine="g2-standard-4: one L4",
        cost_per_hour=0.706832,
        model_name="l4",
        model=replace(MODELS["l4"], startup_seconds=120),
        figures="assumed: the measured RTX 4090, scaled by memory bandwidth and a third of its compute",
        initial_replicas=6,
    ),
    "cpu": Kind(
        name="CPU",
        machine="e2-standard-16: eight cores",
        cost_per_hour=0.536091,
        model_name="cpu",
        model=replace(MODELS["cpu"], kv_tokens=65_536, context_tokens=32_768, startup_seconds=60),
        figures="assumed, and flattering: a model of an eighth of the size, quantised, with a context as on GPUs",
        initial_replicas=20,
    ),
}
"""By variant: the service's own engine runs on A100s, its variants on the others."""
