"""What hardware a replay is to have: from the variants of an InferenceService, options of the command and profiles."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from tidegate.accelerators.fault import AcceleratorError
from tidegate.api.accelerator_profile import AcceleratorProfile, AcceleratorProfileSpec
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.names import API_VERSION, DEFAULT_VARIANT
from tidegate.api.quantity import to_number
from tidegate.api.scaling import MAXIMUM_REPLICAS
from tidegate.api.variant import MAXIMUM_VARIANTS, Variant
from tidegate.migration.documents import MAXIMUM_BYTES, InputError, read_objects
from tidegate.workloads.granted import granted

from .hardware import Hardware
from .models import ReplicaModel

SYNTAX = "NAME=MODEL[,COST[,MAX]]"
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,18}[a-z0-9])?")
MOST_PARTS = 3
MOST_COST = 1_000_000.0
"""For an hour of a replica; more is a slip of the keyboard."""

Profiles = Mapping[str, AcceleratorProfileSpec]


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantOption:
    """What the command says of a variant."""

    name: str
    replica_model: str
    cost: str | None = None
    """Of a replica for an hour, as it was written; None where the service or a profile is to say."""

    max_replicas: int | None = None


def parse_variant(text: str) -> VariantOption:
    """Read ``NAME=MODEL``, ``NAME=MODEL,COST`` or ``NAME=MODEL,COST,MAX``; a COST left empty is not said.

    Raises:
        ValueError: names what is wrong and what would be right.
    """
    name, given, rest = text.partition("=")
    model, *numbers = rest.split(",")
    if not given or not model or len(numbers) >= MOST_PARTS:
        raise ValueError(f"--variant {text[:80]!r} is no variant; give {SYNTAX}, for example l4=l4,0.71,8")
    if _NAME.fullmatch(name) is None:
        raise ValueError(
            f"--variant {text[:80]!r}: the name is {name!r}; give at most 20 lower-case letters, digits and '-', or "
            f"{DEFAULT_VARIANT} for what the service's own engine is"
        )
    cost, most = ((each or None) for each in (*numbers, "", "")[:2])
    if cost is not None and not 0 <= _number(cost) <= MOST_COST:
        raise ValueError(
            f"--variant {text[:80]!r}: the cost is {cost!r}; give what a replica costs for an hour, as 0.71"
        )
    if most is not None and not (most.isdecimal() and 1 <= int(most) <= MAXIMUM_REPLICAS):
        raise ValueError(f"--variant {text[:80]!r}: the maximum is {most!r}; give 1 to {MAXIMUM_REPLICAS} replicas")
    return VariantOption(name=name, replica_model=model, cost=cost, max_replicas=None if most is None else int(most))


def parse_variants(texts: Sequence[str]) -> dict[str, VariantOption]:
    """Read them all, by name.

    Raises:
        ValueError: as `parse_variant`; or a name is there twice.
    """
    options: dict[str, VariantOption] = {}
    for text in texts:
        option = parse_variant(text)
        if option.name in options:
            raise ValueError(f"--variant {option.name} is there twice; give each variant once")
        options[option.name] = option
    return options


def with_variants(spec: InferenceServiceSpec, options: Mapping[str, VariantOption]) -> InferenceServiceSpec:
    """The spec with the prices and bounds of the options, and with the variants that it has not.

    Raises:
        ValueError: they are too many, or a variant's bounds contradict each other.
    """
    known = {variant.name: variant for variant in spec.variants}
    for name, option in options.items():
        changed = {} if option.cost is None else {"cost_per_hour": option.cost}
        if name == DEFAULT_VARIANT:
            spec = spec.model_copy(update=changed)
            continue
        variant = known.get(name, Variant(name=name))
        if option.max_replicas is not None:
            if option.max_replicas < variant.min_replicas:
                raise ValueError(
                    f"--variant {name}: the maximum is {option.max_replicas}, below its minReplicas, "
                    f"{variant.min_replicas}; raise it"
                )
            known[name] = variant.model_copy(update={**changed, "max_replicas": option.max_replicas})
        else:
            known[name] = variant.model_copy(update=changed)
    if len(known) > MAXIMUM_VARIANTS:
        raise ValueError(f"there are {len(known)} variants beside {DEFAULT_VARIANT}; give at most {MAXIMUM_VARIANTS}")
    return spec.model_copy(update={"variants": list(known.values())})


def read_profiles(path: str | Path) -> Profiles:
    """The AcceleratorProfiles of a YAML or JSON file by name; other kinds of objects are passed over.

    Raises:
        InputError: there is none, or one is not valid; the message names file, line, field and value.
        OSError: the file cannot be read.
    """
    with Path(path).open("rb") as file:
        text = file.read(MAXIMUM_BYTES + 1)
    kind = AcceleratorProfile.__name__
    profiles: dict[str, AcceleratorProfileSpec] = {}
    for each in read_objects(text, str(path)):
        if each.kind != kind or each.api_version != API_VERSION:
            continue
        try:
            profiles[each.name] = AcceleratorProfile.model_validate(each.document).spec
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(str(step) for step in first["loc"])
            raise InputError(f"{each.source}: {where}: {first['msg']}") from error
    if not profiles:
        raise InputError(f"{path}: has no {API_VERSION} {kind}; give a file with one at least")
    return profiles


def hardware_of(
    spec: InferenceServiceSpec,
    models: Mapping[str, tuple[str, ReplicaModel]],
    profiles: Profiles,
    initial_replicas: int,
) -> dict[str, Hardware]:
    """Every variant of a service, `default` first.

    Args:
        spec: of the service.
        models: what replicas of each variant can do, and what people call that.
        profiles: where accelerators have their prices.
        initial_replicas: of `default`; the others begin at their minimum.

    Raises:
        ValueError: a variant has no model, or its accelerator cannot be had of its profile.
    """
    hardware = {}
    for name in spec.variant_names:
        if name not in models:
            raise ValueError(
                f"variant {name} has no replica model, so what a replica of it can do is not known; "
                f"give --variant {name}=MODEL"
            )
        own = spec.of_variant(name)
        called, model = models[name]
        hardware[name] = Hardware(
            model=model,
            replica_model=called,
            cost_per_hour=_cost_per_hour(name, own, profiles),
            max_replicas=own.scaling.max_replicas,
            initial_replicas=initial_replicas if name == DEFAULT_VARIANT else own.scaling.min_replicas,
        )
    return hardware


def united(fleets: Sequence[Mapping[str, Hardware]]) -> dict[str, Hardware]:
    """What several services run on, as one.

    Raises:
        ValueError: a variant is not the same in all of them.
    """
    together: dict[str, Hardware] = {}
    for fleet in fleets:
        for name, each in fleet.items():
            known = together.setdefault(name, each)
            if known.cost_per_hour != each.cost_per_hour:
                raise ValueError(
                    f"variant {name} costs {known.cost_per_hour} in one service and {each.cost_per_hour} in another; "
                    "give all of them the same price, or rehearse them one by one"
                )
            if known.max_replicas < each.max_replicas:
                together[name] = each
    return together


def _cost_per_hour(name: str, own: InferenceServiceSpec, profiles: Profiles) -> float | None:
    if own.cost_per_hour is not None:
        return float(to_number(own.cost_per_hour))
    if own.accelerator is None or own.accelerator.profile not in profiles or own.engine is None:
        return None
    try:
        found = granted(own, profiles[own.accelerator.profile]).allocation.cost_per_hour
    except AcceleratorError as error:
        raise ValueError(f"variant {name}: {error}") from error
    return None if found is None else float(found)


def _number(text: str, convert: Callable[[str], float] = float) -> float:
    try:
        return convert(text)
    except ValueError:
        return math.nan
