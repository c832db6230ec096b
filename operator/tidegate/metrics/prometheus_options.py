"""Which Prometheus is asked, and with what credentials."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusOptions:
    """How a Prometheus is asked; each field is the flag `--prometheus-...` of its name.

    Raises:
        ValueError: options contradict each other. Its text names the flag, and no secret.
    """

    url: str
    """Where it is, without `/api/v1`; what keeps Prometheus' API (Thanos, Mimir, VictoriaMetrics) will do."""

    timeout_seconds: float = 2.0
    """Most time for one query."""

    bearer_token_file: str | None = None
    """File whose content is sent as bearer token; read for each query, for tokens are renewed."""

    headers: tuple[tuple[str, str], ...] = ()
    """Names of headers and the files with their values, read for each query."""

    ca_file: str | None = None
    """Certificates (PEM) that its own must be signed by. None: those that everybody trusts."""

    client_certificate_file: str | None = None
    client_key_file: str | None = None
    insecure_skip_verify: bool = False
    matchers: tuple[tuple[str, str], ...] = ()
    """Labels and values that all series must have."""

    def __post_init__(self) -> None:
        _check_url(self.url)
        if (self.client_certificate_file is None) != (self.client_key_file is None):
            raise ValueError("give both --prometheus-client-certificate-file and --prometheus-client-key-file, or none")
        if self.insecure_skip_verify and self.ca_file is not None:
            raise ValueError(
                "--prometheus-insecure-skip-verify makes --prometheus-ca-file useless: leave one of them out"
            )
        for label, _ in self.matchers:
            if not _LABEL_NAME.fullmatch(label):
                raise ValueError(
                    f"--prometheus-matcher: {label!r} is no label's name; give LABEL=VALUE, as cluster=eu-1"
                )
        for name, _ in self.headers:
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"--prometheus-header: {name!r} is no header's name; give NAME=FILE")
            if name.lower() == "authorization" and self.bearer_token_file is not None:
                raise ValueError(
                    "--prometheus-header Authorization and --prometheus-bearer-token-file exclude each other: give one"
                )

    @property
    def host(self) -> str:
        """What people know it by: host and port, and nothing that could be a secret."""
        return urlsplit(self.url).netloc


def _check_url(url: str) -> None:
    if "@" in url:
        raise ValueError(
            "--prometheus-url: it has a user or a password in it, and URLs end up in logs; put 'Basic ' and the base64 "
            "of user:password in a file, and give --prometheus-header Authorization=FILE"
        )
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"--prometheus-url: it cannot be read ({error}); give one like {_EXAMPLE}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"--prometheus-url: {url!r} is no http or https URL; give one like {_EXAMPLE}")
    if parts.query or parts.fragment:
        raise ValueError(f"--prometheus-url: leave out what comes after '?' or '#'; give one like {_EXAMPLE}")
    if parts.path.rstrip("/").endswith("/api/v1") or "/api/v1/" in parts.path:
        raise ValueError(f"--prometheus-url: leave out /api/v1; give one like {_EXAMPLE}")


_EXAMPLE = "http://prometheus.monitoring:9090"
