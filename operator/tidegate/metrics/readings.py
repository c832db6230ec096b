"""The last thing each pod said.

One failed scrape is no news: a sample stays good until it is stale. Then the failure is told, not just the age.
"""

from collections.abc import Collection

from tidegate.scaling.sample import Sample, ScrapeFailure


class Readings:
    """The last sample and the last failure of each pod of one service, by uid."""

    def __init__(self) -> None:
        self._samples: dict[str, Sample] = {}
        self._failures: dict[str, ScrapeFailure] = {}

    def put(self, uid: str, reading: Sample | ScrapeFailure) -> None:
        """Take in a reading."""
        if isinstance(reading, Sample):
            self._samples[uid] = reading
            self._failures.pop(uid, None)
        else:
            self._failures[uid] = reading

    def failed_at(self, uid: str) -> float:
        """When the last attempt to read a pod failed; 0 if it did not."""
        failure = self._failures.get(uid)
        return failure.time if failure is not None else 0.0

    def keep_only(self, uids: Collection[str]) -> None:
        """Forget pods that are gone."""
        for known in (self._samples, self._failures):
            for uid in known.keys() - set(uids):
                known.pop(uid, None)

    def get(self, uid: str, now: float, stale_after_seconds: float) -> Sample | ScrapeFailure | None:
        """The pod's sample while it is good; then why there is no newer one; None before the first attempt."""
        sample, failure = self._samples.get(uid), self._failures.get(uid)
        if sample is not None and (failure is None or now - sample.time <= stale_after_seconds):
            return sample
        return failure
