"""Why what a service asks for cannot be had."""


class AcceleratorError(ValueError):
    """An accelerator that cannot be given: which field, of which object, has which value, and what would do."""

    def __init__(self, field: str, value: object, fix: str) -> None:
        super().__init__(f"{field}: {value!r}: {fix}")


FRACTION = "spec.accelerator.fraction"
MEMORY = "spec.accelerator.memory"
COUNT = "spec.accelerator.count"
SPOT = "spec.accelerator.spot"


def of_profile(name: str, field: str) -> str:
    """A field of a profile, as messages name it."""
    return f"AcceleratorProfile {name}, spec.{field}"
