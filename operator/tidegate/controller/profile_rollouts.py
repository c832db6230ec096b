"""Paces what the edit of a profile does: services that name it are changed a tenth at a time.

One edit may concern every service of a cluster. All at once, each of those with one replica would be gone for as long
as a model loads; and a mistake in the edit would be everywhere before anybody saw it. So the others wait until those
that were changed have their new pods. Where these do not come up, they wait until the profile is mended.
"""

from dataclasses import dataclass, field

from tidegate.cluster.resources import Key
from tidegate.controller.records import ServiceRecord
from tidegate.controller.store import Store

AT_ONCE = 10
"""One of so many services is changed at once; one, of fewer."""

SEEN_SECONDS = 15.0
"""After so long a change that was allowed shows in its Deployment, or was not made."""

LOOK_AGAIN_SECONDS = 1.0


@dataclass(slots=True)
class _Profile:
    looked_at: float = float("-inf")
    workloads: int = 0
    rolling: set[Key] = field(default_factory=set)
    allowed_at: dict[Key, float] = field(default_factory=dict)


class ProfileRollouts:
    """Who may be changed now, by profile."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._profiles: dict[str, _Profile] = {}

    def may_begin(self, service: ServiceRecord, now: float) -> bool:
        """Ask whether a service may be changed now on account of its profile; if so, it counts from now on.

        Args:
            service: the service, or the variant of one, with an accelerator.
            now: seconds of any clock that does not go back.
        """
        if service.spec is None or service.spec.accelerator is None:
            return True
        name = service.spec.accelerator.profile
        profile = self._profiles.setdefault(name, _Profile())
        if now - profile.looked_at >= LOOK_AGAIN_SECONDS:
            self._look(name, profile, now)
        live = self._store.deployments.get(service.workload)
        if live is not None and live.replicas == 0 and live.current_replicas == 0:
            return True  # It sleeps: there is nothing to restart.
        workload = service.workload
        if workload not in profile.rolling and len(profile.rolling) >= max(1, profile.workloads // AT_ONCE):
            return False
        profile.rolling.add(workload)
        profile.allowed_at[workload] = now
        return True

    def _look(self, name: str, profile: _Profile, now: float) -> None:
        profile.looked_at, profile.workloads = now, 0
        allowed = {key: at for key, at in profile.allowed_at.items() if now - at < SEEN_SECONDS}
        profile.allowed_at, profile.rolling = allowed, set(allowed)
        for service in self._store.inference_services.values():
            for workload, profile_name in service.profiles:
                if profile_name != name:
                    continue
                profile.workloads += 1
                live = self._store.deployments.get(workload)
                if live is not None and live.rollout_in_progress:
                    profile.rolling.add(workload)
