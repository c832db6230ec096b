"""All objects of an input at once: which are autoscalers, which are their Deployments, what becomes of each."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tidegate.api.engine import EngineType
from tidegate.migration.autoscaler import Autoscaler
from tidegate.migration.documents import Document, KubernetesObject, RefusedError
from tidegate.migration.engine_guess import EngineGuess, containers_of, engine_guess
from tidegate.migration.horizontal_pod_autoscaler import read_horizontal_pod_autoscaler
from tidegate.migration.inference_service import inference_service
from tidegate.migration.kserve import read_kserve
from tidegate.migration.scaled_object import read_scaled_object

_READERS: Mapping[tuple[str, str], Callable[[KubernetesObject], Autoscaler]] = {
    ("autoscaling", "HorizontalPodAutoscaler"): read_horizontal_pod_autoscaler,
    ("keda.sh", "ScaledObject"): read_scaled_object,
    ("serving.kserve.io", "InferenceService"): read_kserve,
}
"""By API group and kind."""

_NEVER = {
    ("keda.sh", "ScaledJob"): "it starts Jobs; an InferenceService serves requests",
    ("serving.kserve.io", "LLMInferenceService"): "it is not read; point targetRef at one of its Deployments by hand",
}

_PARENTS = {kind for _, kind in _READERS}


@dataclass(frozen=True, slots=True)
class Choice:
    """What the person says, for every object of the input; it wins over what Deployments tell."""

    engine: EngineType | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """One autoscaler, and what became of it."""

    origin: KubernetesObject
    document: Document
    lost: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """One autoscaler of which nothing became."""

    origin: KubernetesObject
    message: str


@dataclass(slots=True)
class Outcome:
    """What became of an input."""

    imported: list[Imported] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    passed_over: list[Refused] = field(default_factory=list)
    """Autoscalers that another object of the cluster made; nothing is wrong with them."""

    others: Counter[str] = field(default_factory=Counter)
    """Kinds of objects that are no autoscalers, and how many of each."""

    @property
    def lost_something(self) -> bool:
        """Whether anything could not be carried over."""
        return any(each.lost for each in self.imported)


def import_objects(objects: Iterable[KubernetesObject], choice: Choice) -> Outcome:
    """Turn every autoscaler among the objects into an InferenceService.

    Args:
        objects: autoscalers, the Deployments they scale, and whatever else.
        choice: engine and model, where the Deployments do not tell or the person knows better.
    """
    found = list(objects)
    deployments = {
        (each.namespace, each.name): each.document
        for each in found
        if each.kind == "Deployment" and each.api_version == "apps/v1"
    }
    outcome = Outcome()
    taken: dict[tuple[str, str], KubernetesObject] = {}
    for each in found:
        key = (each.api_version.partition("/")[0], each.kind)
        parent = next((f"{kind} {name}" for kind, name in each.owners if kind in _PARENTS), None)
        if key not in _READERS and key not in _NEVER:
            if each.kind != "Deployment":
                outcome.others[each.kind] += 1
        elif parent is not None:
            outcome.passed_over.append(Refused(each, f"it was made from {parent}; import that"))
        else:
            try:
                outcome.imported.append(_import(each, key, deployments, choice, taken))
            except RefusedError as error:
                outcome.refused.append(Refused(each, str(error)))
    return outcome


def _import(
    found: KubernetesObject,
    key: tuple[str, str],
    deployments: Mapping[tuple[str, str], Document],
    choice: Choice,
    taken: dict[tuple[str, str], KubernetesObject],
) -> Imported:
    if key in _NEVER:
        raise RefusedError(_NEVER[key])
    autoscaler = _READERS[key](found)
    target = (found.namespace, autoscaler.deployment)
    if (first := taken.setdefault(target, found)) is not found:
        raise RefusedError(f"Deployment {target[1]!r} is scaled by {first} ({first.source}) too; keep one of the two")
    deployment = deployments.get(target) or deployments.get(("", target[1]))
    guess = engine_guess(containers_of(deployment) if deployment else autoscaler.containers, choice.engine)
    engine, model = choice.engine or guess.type, choice.model or guess.model
    if engine is None or model is None:
        raise RefusedError(_what_is_missing(autoscaler, guess, choice, is_given=deployment is not None))
    port = guess.port if engine is guess.type else None
    autoscaler.notes += [
        f"the pods are started without {flag}, and show no metrics: add it to their arguments"
        for flag in guess.missing_flags
        if engine is guess.type
    ]
    document = inference_service(autoscaler, engine, model, port)
    return Imported(found, document, tuple(autoscaler.lost), tuple(autoscaler.notes))


def _what_is_missing(autoscaler: Autoscaler, guess: EngineGuess, choice: Choice, *, is_given: bool) -> str:
    missing = {"--engine": choice.engine or guess.type, "--model": choice.model or guess.model}
    options = " and ".join(option for option, value in missing.items() if value is None)
    name = autoscaler.deployment
    if is_given or autoscaler.containers:
        return f"its pods do not tell engine and model of Deployment {name!r}: give {options}"
    return (
        f"Deployment {name!r}, which would tell its engine and model, is not in the input: add it "
        f"(kubectl get deployment {name} -o yaml), or give {options}"
    )
