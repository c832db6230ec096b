"""What becomes of a request: counted, held, a service woken for it, a pod picked, and let go; or refused, and why.

Free of gRPC, Envoy and Kubernetes: plain asyncio, told what the cluster says by `Router`'s methods. `standing` has the
table of states. `Router` is what the rest of the gateway speaks to.
"""

from tidegate.gateway.policy.counts import COLD_START_BOUNDS_SECONDS, Durations, Report, ServiceCounts
from tidegate.gateway.policy.refusal import Problem, Refusal
from tidegate.gateway.policy.router import Router
from tidegate.gateway.policy.wake import WakeOutcome, WakeResult

__all__ = [
    "COLD_START_BOUNDS_SECONDS",
    "Durations",
    "Problem",
    "Refusal",
    "Report",
    "Router",
    "ServiceCounts",
    "WakeOutcome",
    "WakeResult",
]
