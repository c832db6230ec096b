"""The options that say which Prometheus an operator asks."""

import functools
from collections.abc import Callable
from typing import Any

import click

_FILE = click.Path(exists=True, dir_okay=False)

_OPTIONS = (
    click.option(
        "--metrics-source",
        type=click.Choice(["PodScrape", "Prometheus"]),
        default="PodScrape",
        show_default=True,
        help="Where metrics come from, for services without spec.metrics.source.",
    ),
    click.option("--prometheus-url", help="Prometheus, or what has its API; without /api/v1 and without credentials."),
    click.option(
        "--prometheus-timeout-seconds",
        type=click.FloatRange(0.1, 9),
        default=2.0,
        show_default=True,
        help="Most time for one query; all of a tick have three times that, 9 s at most.",
    ),
    click.option(
        "--prometheus-matcher",
        "prometheus_matchers",
        multiple=True,
        metavar="LABEL=VALUE",
        envvar="TIDEGATE_PROMETHEUS_MATCHER",
        help="Ask only for series with this label, where clusters share a Prometheus; may be repeated.",
    ),
    click.option("--prometheus-bearer-token-file", type=_FILE, help="Sent as bearer token; read anew for each query."),
    click.option(
        "--prometheus-header",
        "prometheus_headers",
        multiple=True,
        metavar="NAME=FILE",
        envvar="TIDEGATE_PROMETHEUS_HEADER",
        help="Send this header with what the file holds, such as X-Scope-OrgID=FILE; may be repeated.",
    ),
    click.option("--prometheus-ca-file", type=_FILE, help="Certificates (PEM) to trust. Default: the usual ones."),
    click.option("--prometheus-client-certificate-file", type=_FILE, help="Certificate (PEM) to show."),
    click.option("--prometheus-client-key-file", type=_FILE, help="Its key (PEM)."),
    click.option("--prometheus-insecure-skip-verify", is_flag=True, help="Believe any certificate. For trials."),
)


def prometheus_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command, which gets the parameters `metrics_source` and `prometheus` of them."""

    @functools.wraps(command)
    def wrapped(
        *,
        metrics_source: str,
        prometheus_url: str | None,
        prometheus_timeout_seconds: float,
        prometheus_matchers: tuple[str, ...],
        prometheus_bearer_token_file: str | None,
        prometheus_headers: tuple[str, ...],
        prometheus_ca_file: str | None,
        prometheus_client_certificate_file: str | None,
        prometheus_client_key_file: str | None,
        prometheus_insecure_skip_verify: bool,
        **others: Any,
    ) -> None:
        from tidegate.api.inference_service import MetricsSource  # noqa: PLC0415 - `--help` must not pay for it
        from tidegate.metrics.prometheus_options import PrometheusOptions  # noqa: PLC0415 - as above

        prometheus = None
        if prometheus_url:
            try:
                prometheus = PrometheusOptions(
                    url=prometheus_url,
                    timeout_seconds=prometheus_timeout_seconds,
                    matchers=_pairs(prometheus_matchers),
                    bearer_token_file=prometheus_bearer_token_file,
                    headers=_pairs(prometheus_headers),
                    ca_file=prometheus_ca_file,
                    client_certificate_file=prometheus_client_certificate_file,
                    client_key_file=prometheus_client_key_file,
                    insecure_skip_verify=prometheus_insecure_skip_verify,
                )
            except ValueError as error:
                raise click.UsageError(str(error)) from error
        elif metrics_source == "Prometheus":
            raise click.UsageError("--metrics-source Prometheus needs --prometheus-url: which one is to be asked?")
        elif (
            prometheus_bearer_token_file
            or prometheus_headers
            or prometheus_ca_file
            or prometheus_client_certificate_file
        ):
            raise click.UsageError(
                "--prometheus-url is missing: what else is said of a Prometheus has no use without it"
            )
        command(metrics_source=MetricsSource(metrics_source), prometheus=prometheus, **others)

    return functools.reduce(lambda decorated, option: option(decorated), reversed(_OPTIONS), wrapped)


def _pairs(texts: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Split `NAME=VALUE`. What has no name, or no `=`, is left to be refused by name."""
    return tuple(
        (name, value) if found else ("", text) for text in texts for name, found, value in [text.partition("=")]
    )
