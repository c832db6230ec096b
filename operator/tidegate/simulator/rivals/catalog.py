"""The rivals by name, as `tidegate simulate --rival` takes them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tidegate.simulator.policy import MixedPolicy, Policy
from tidegate.simulator.replay import SetUp
from tidegate.simulator.trace import TraceRequest

from .aibrix import Apa
from .clairvoyant import Clairvoyant
from .horizontal_pod_autoscaler import HorizontalPodAutoscaler
from .keda import Keda
from .knative import Knative
from .kubeai import KubeAI
from .ray_serve import RayServe
from .signals import IN_FLIGHT, Gauges, Signal, TokensServed
from .static import Static
from .wva_saturation import WvaSaturation
from .wva_tokens import WvaTokens
from .wva_variants import WvaVariants

AnyPolicy = Policy | MixedPolicy
"""Those that know of one size only decide that of the variant `default`."""

RUNNING, WAITING, KV_USAGE = Gauges(("running",)), Gauges(("waiting",)), Gauges(("kv_usage",))


@dataclass(frozen=True, slots=True)
class RivalContext:
    """What a rival may have to know of the run it is for."""

    requests: Sequence[TraceRequest]
    """Only the clairvoyants look at them."""

    set_up: SetUp


@dataclass(frozen=True, slots=True)
class _Asked:
    """How a rival was asked for."""

    name: str
    target: float
    context: RivalContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """One way to scale, and how to get it."""

    name: str
    summary: str
    """What it looks at, in a few words."""

    source: str
    target: str | None = None
    """What the number after `=` means; None for a rival that takes none."""

    default_target: float | None = None
    """The number without one given; None where one has to be."""

    sweep: tuple[float, ...] = ()
    """Numbers worth comparing, by rising cost."""

    make: Callable[[_Asked], AnyPolicy]
    """Makes it, as it was asked for."""

    @property
    def needs_target(self) -> bool:
        """Whether it has to be asked for as `name=target`."""
        return self.target is not None and self.default_target is None


def _hpa(signal: Callable[[], Signal]) -> Callable[[_Asked], AnyPolicy]:
    return lambda asked: HorizontalPodAutoscaler(name=asked.name, signal=signal(), target=asked.target)


def _clairvoyant(*, hold_seconds: float, from_first_scrape: bool = False) -> Callable[[_Asked], AnyPolicy]:
    return lambda asked: Clairvoyant(
        name=asked.name,
        requests=asked.context.requests,
        set_up=asked.context.set_up,
        load=asked.target,
        hold_seconds=hold_seconds,
        from_first_scrape=from_first_scrape,
    )


_HPA_SOURCE = "Kubernetes 1.33, `replica_calculator.go`, `horizontal.go`"
_WVA_SOURCE = "llm-d-workload-variant-autoscaler v0.5.1"
_REQUESTS = (96.0, 64.0, 48.0, 32.0, 24.0, 20.0, 16.0, 12.0, 8.0, 5.0, 3.0)
_LOADS = (1.4, 1.3, 1.2, 1.1, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)

RIVALS: Mapping[str, Rival] = {
    rival.name: rival
    for rival in (
        Rival(
            name="hpa-running",
            summary="requests that run, mean per pod",
            source=_HPA_SOURCE,
            target="requests per replica",
            default_target=24,
            sweep=_REQUESTS,
            make=_hpa(lambda: RUNNING),
        ),
        Rival(
            name="hpa-running-waiting",
            summary="requests that run or wait, mean per pod",
            source=_HPA_SOURCE,
            target="requests per replica",
            default_target=20,
            sweep=_REQUESTS,
            make=_hpa(lambda: IN_FLIGHT),
        ),
        Rival(
            name="hpa-waiting",
            summary="requests that wait, mean per pod",
            source=_HPA_SOURCE,
            target="requests per replica",
            default_target=5,
            sweep=(20, 10, 5, 2, 1),
            make=_hpa(lambda: WAITING),
        ),
        Rival(
            name="hpa-kv",
            summary="share of the KV cache in use, mean per pod",
            source=_HPA_SOURCE,
            target="share, 0 to 1",
            default_target=0.5,
            sweep=(0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1),
            make=_hpa(lambda: KV_USAGE),
        ),
        Rival(
            name="hpa-tokens",
            summary="tokens per second served, prompt and answer, over 15 s, mean per pod",
            source=_HPA_SOURCE,
            target="tokens/s per replica",
            default_target=4000,
            sweep=(8000, 7000, 6000, 5000, 4000, 3000, 2000, 1000),
            make=_hpa(TokensServed),
        ),
        Rival(
            name="keda",
            summary="requests that wait, sum of all pods",
            source="KEDA 2.20 (8b4f083), and the HPA behind it; production-stack's tutorial for the target",
            target="requests per replica",
            default_target=5,
            sweep=(20, 10, 5, 2, 1),
            make=lambda asked: Keda(name=asked.name, signal=WAITING, target=asked.target),
        ),
        Rival(
            name="knative",
            summary="requests in flight, over 60 s and, in panic, 6 s",
            source="Knative Serving 98e5ef9 (2026-08-21)",
            target="requests per replica, of which 70 % are aimed at",
            default_target=100,
            sweep=(100, 70, 50, 40, 30, 25, 20, 15, 10, 5),
            make=lambda asked: Knative(name=asked.name, target=asked.target),
        ),
        Rival(
            name="aibrix-apa",
            summary="share of the KV cache in use, mean per pod over 30 s",
            source="AIBrix 0.7 (e3e10f9)",
            target="share, 0 to 1",
            default_target=0.5,
            sweep=(0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1),
            make=lambda asked: Apa(name=asked.name, signal=KV_USAGE, target=asked.target),
        ),
        Rival(
            name="ray-serve",
            summary="requests in flight, over 30 s",
            source="Ray Serve (00590c4); RayLLM's models for the target",
            target="requests per replica",
            default_target=24,
            sweep=_REQUESTS,
            make=lambda asked: RayServe(name=asked.name, target=asked.target),
        ),
        Rival(
            name="kubeai",
            summary="requests in flight, over 10 minutes",
            source="KubeAI 0.22.1 (f442a2c); its catalog for the target",
            target="requests per replica",
            default_target=32,
            sweep=_REQUESTS,
            make=lambda asked: KubeAI(name=asked.name, target=asked.target),
        ),
        Rival(
            name="wva-saturation",
            summary="KV cache and queue of each pod, highest of a minute: one replica more or less",
            source=_WVA_SOURCE,
            make=lambda asked: WvaSaturation(name=asked.name),
        ),
        Rival(
            name="wva-tokens",
            summary="tokens in the KV cache and waiting, highest of a minute",
            source=_WVA_SOURCE,
            make=lambda asked: (
                WvaVariants(name=asked.name, hardware=asked.context.set_up.hardware)
                if asked.context.set_up.is_mixed
                else WvaTokens(name=asked.name, model=asked.context.set_up.model)
            ),
        ),
        Rival(
            name="static",
            summary="nothing: so many replicas from the start",
            source="hindsight",
            target="replicas",
            make=lambda asked: Static(name=asked.name, replicas=int(asked.target)),
        ),
        Rival(
            name="clairvoyant-60",
            summary="the trace itself; a size is held for 60 s",
            source="hindsight",
            target="share of their time that replicas are to be busy",
            default_target=1,
            sweep=_LOADS,
            make=_clairvoyant(hold_seconds=60),
        ),
        Rival(
            name="clairvoyant-300",
            summary="the trace itself; a size is held for 300 s",
            source="hindsight",
            target="share of their time that replicas are to be busy",
            default_target=1,
            sweep=_LOADS,
            make=_clairvoyant(hold_seconds=300),
        ),
        Rival(
            name="clairvoyant-from-first-scrape",
            summary="the trace itself, but nothing is ordered before the first sample; a size is held for 300 s",
            source="hindsight",
            target="share of their time that replicas are to be busy",
            default_target=1,
            sweep=_LOADS,
            make=_clairvoyant(hold_seconds=300, from_first_scrape=True),
        ),
    )
}

ALL = "all"
"""Stands for every rival that needs no target."""


def rivals_named(texts: Sequence[str], context: RivalContext) -> list[AnyPolicy]:
    """The rivals asked for, each once, in the order of their first mention.

    Args:
        texts: each `name`, `name=target` or `all`.
        context: the run they are for.

    Raises:
        ValueError: as `rival_named`.
    """
    names = [name for text in texts for name in (_without_asking() if text == ALL else [text])]
    policies: dict[str, AnyPolicy] = {}
    for name in names:
        policy = rival_named(name, context)
        policies.setdefault(policy.name, policy)
    return list(policies.values())


def rival_named(text: str, context: RivalContext) -> AnyPolicy:
    """A rival, new: policies remember, so each run needs its own.

    Args:
        text: `name`, or `name=target` with a number above 0, such as `hpa-running=24` or `static=7`.
        context: the run it is for.

    Raises:
        ValueError: the name is not known, or the target is missing, not wanted, or no such number.
    """
    name, given, number = text.partition("=")
    rival = RIVALS.get(name)
    if rival is None:
        raise ValueError(f"no rival is called {name!r}; known are {', '.join(RIVALS)}, and {ALL} for all of them")
    if rival.target is None:
        if given:
            raise ValueError(f"rival {text!r}: {name} takes no target; write {name}")
        return rival.make(_Asked(name, 0.0, context))
    if not given and rival.default_target is None:
        raise ValueError(f"rival {text!r} needs a target ({rival.target}); write {name}=7, or another number")
    target = _number(number) if given else rival.default_target
    if target is None or (name == "static" and not target.is_integer()):
        raise ValueError(f"rival {text!r}: {number!r} is no target ({rival.target}); write {name}=7, or another number")
    return rival.make(_Asked(f"{name}={target:g}", target, context))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < math.inf else None


def _without_asking() -> list[str]:
    return [rival.name for rival in RIVALS.values() if not rival.needs_target]
