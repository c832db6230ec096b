"""Why a pod could not be read."""

from enum import StrEnum


class ScrapeReason(StrEnum):
    """The reasons of a `ScrapeFailure`. Those about the page itself are those of `PageFault`."""

    TIMEOUT = "Timeout"
    """The pod did not answer, or not to the end, in time."""

    CONNECTION_REFUSED = "ConnectionRefused"
    """Nothing listens on the port."""

    CONNECTION_FAILED = "ConnectionFailed"
    """The connection broke, or what answers does not speak HTTP."""

    HTTP_STATUS = "HTTPStatus"
    """The answer is not 200; redirects are not followed."""

    TOO_LARGE = "TooLarge"
    """The page is larger than any engine's."""

    NOT_TEXT = "NotText"
    """The page is not text, or is packed in a way that was not asked for."""

    TRUNCATED = "Truncated"
    """The answer ended before the page did."""

    NO_KNOWN_METRICS = "NoKnownMetrics"
    """The page has none of the engine's metrics."""

    NO_METRICS = "NoMetrics"
    """The engine has none, so the pod was not asked."""

    UNEXPECTED = "Unexpected"
    """Reading it met a fault of Tidegate's own."""

    PROMETHEUS_NOT_CONFIGURED = "PrometheusNotConfigured"
    """The service is to be read from a Prometheus, and the operator was not told which."""

    PROMETHEUS_UNREACHABLE = "PrometheusUnreachable"
    """Nothing answers at its address, or not with a certificate that is trusted."""

    PROMETHEUS_TIMEOUT = "PrometheusTimeout"
    """It did not answer, or not to the end, in time."""

    PROMETHEUS_REFUSED = "PrometheusRefused"
    """It wants other credentials: 401 or 403, or there are none to send."""

    PROMETHEUS_ERROR = "PrometheusError"
    """It answers with an error, or not as a Prometheus does."""

    PROMETHEUS_TOO_LARGE = "PrometheusTooLarge"
    """It answers with more series than can be pods of ours."""

    NOT_IN_PROMETHEUS = "NotInPrometheus"
    """It has no series of this pod."""

    ANOTHER_MODEL = "AnotherModel"
    """All its series of this pod are of other models."""

    SCRAPED_TOO_LONG_AGO = "ScrapedTooLongAgo"
    """The last that it knows of this pod is too old."""


class ScrapeError(Exception):
    """A pod that could not be read. Its text says what happened and what to check, and does not name the pod."""

    def __init__(self, reason: ScrapeReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
