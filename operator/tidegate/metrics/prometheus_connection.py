"""Asks a Prometheus one thing at a time, and trusts no answer: it is bounded in time and size, and checked."""

import errno
import io
import socket
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import requests
import urllib3
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from requests.auth import AuthBase
from urllib3.util.retry import Retry

from tidegate.metrics.failure import ScrapeError, ScrapeReason
from tidegate.metrics.prometheus_options import PrometheusOptions

_PIECE_BYTES = 64 * 1024
_MOST_ERROR_CHARACTERS = 200


class PrometheusConnection:
    """One Prometheus, asked over connections that are kept; threads may share it.

    Redirects are not followed, proxies and credentials of the environment are not used, and nothing is asked twice:
    the next turn asks anew.
    """

    def __init__(self, options: PrometheusOptions, *, maximum_bytes: int = 16 * 1024 * 1024) -> None:
        """Connect to nothing yet.

        Args:
            options: which one, and with what credentials.
            maximum_bytes: most bytes of one answer, unpacked: some 20,000 series with their last few scrapes.
        """
        self.host = options.host
        self.timeout_seconds = options.timeout_seconds
        self._maximum_bytes = maximum_bytes
        self._credentials = _Credentials(options)
        session = requests.Session()
        session.trust_env = False  # Else ~/.netrc and proxies have a say, and a CA bundle that overrides ours.
        session.verify = False if options.insecure_skip_verify else options.ca_file or True
        if options.client_certificate_file is not None and options.client_key_file is not None:
            session.cert = (options.client_certificate_file, options.client_key_file)
        session.hooks["response"].append(self._receive)
        if options.insecure_skip_verify:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # Whoever asked for it knows.
        self._session = session
        self._client = PrometheusConnect(
            options.url.rstrip("/"),
            session=session,
            auth=self._credentials,
            retry=Retry(total=0, read=False),  # Else a timeout is told as a broken connection.
            timeout=options.timeout_seconds,
        )

    def close(self) -> None:
        """Close the kept connections."""
        self._session.close()

    def ask(self, query: str, at: float) -> Any:
        """Ask for the value of an expression. Blocks for about the timeout at most, name resolution apart.

        Args:
            query: PromQL.
            at: the time that it is evaluated at, in seconds since the epoch.

        Returns:
            The result, as parsed JSON of any shape.

        Raises:
            ScrapeError: there is none. The text does not name the Prometheus.
        """
        parameters = {"time": f"{at:.3f}", "timeout": f"{self.timeout_seconds * 1000:.0f}ms"}  # It takes no fractions.
        try:
            return self._client.custom_query(query, params=parameters)
        except ScrapeError:
            raise
        except requests.Timeout as error:
            raise self.too_slow() from error
        except requests.exceptions.SSLError as error:
            raise ScrapeError(ScrapeReason.PROMETHEUS_UNREACHABLE, _explain_tls(error)) from error
        except (requests.RequestException, OSError) as error:
            if isinstance(error, ValueError):  # A body that is no JSON is a RequestException of this kind.
                raise _not_prometheus("the answer is not JSON") from error
            raise ScrapeError(ScrapeReason.PROMETHEUS_UNREACHABLE, _explain_connection(error)) from error
        except (ValueError, KeyError, TypeError, RecursionError, PrometheusApiClientException) as error:
            raise _not_prometheus("the answer does not have the form of its API") from error

    def too_slow(self) -> ScrapeError:
        """What is said of a Prometheus that lets us wait."""
        return ScrapeError(
            ScrapeReason.PROMETHEUS_TIMEOUT,
            f"no complete answer within {self.timeout_seconds:g} s; it is overloaded, or hangs: look at it, or "
            "raise --prometheus-timeout-seconds",
        )

    def _receive(self, response: requests.Response, **_: Any) -> None:
        """Take in an answer before anybody else does: requests would read all of it, and follow where it points."""
        until = time.monotonic() + self.timeout_seconds - response.elapsed.total_seconds()
        try:
            body = self._read(response.raw, until)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise self.too_slow() from error
        except urllib3.exceptions.HTTPError as error:
            raise ScrapeError(
                ScrapeReason.PROMETHEUS_UNREACHABLE, "the connection ended before the answer did"
            ) from error
        finally:
            response.raw.release_conn()
        response.raw = io.BytesIO(body)
        if response.status_code != HTTPStatus.OK:
            raise self._explain_status(response)

    def _read(self, raw: urllib3.HTTPResponse, until: float) -> bytes:
        body = bytearray()
        for piece in raw.stream(_PIECE_BYTES, decode_content=True):
            body += piece
            if len(body) > self._maximum_bytes:
                raw.close()
                raise ScrapeError(
                    ScrapeReason.PROMETHEUS_TOO_LARGE,
                    f"the answer is larger than {self._maximum_bytes} bytes; take labels such as request or user off "
                    "the metrics, or narrow what is asked for with --prometheus-matcher",
                )
            if time.monotonic() > until:
                raw.close()
                raise self.too_slow()
        return bytes(body)

    def _explain_status(self, response: requests.Response) -> ScrapeError:
        status = response.status_code
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return ScrapeError(
                ScrapeReason.PROMETHEUS_REFUSED, f"HTTP status {status}; {self._credentials.advice(status)}"
            )
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            return _not_prometheus(f"HTTP status {status}, and redirects are not followed (to a login page, often)")
        kind, said = _api_error(response)
        if kind == "timeout":
            return self.too_slow()
        if kind is None:
            return _not_prometheus(f"HTTP status {status}")
        # Before it is cut: half a secret is one, too.
        kind, said = (self._credentials.hidden_in(text)[:_MOST_ERROR_CHARACTERS] for text in (kind, said))
        return ScrapeError(ScrapeReason.PROMETHEUS_ERROR, f"HTTP status {status}: {kind}: {said}")


class _Credentials(AuthBase):
    """Puts secrets into requests, read from their files each time: they are renewed while we run."""

    def __init__(self, options: PrometheusOptions) -> None:
        self._bearer_token_file = options.bearer_token_file
        self._headers = options.headers
        self._secrets: tuple[str, ...] = ()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        headers = {name: _secret(path, f"--prometheus-header {name}") for name, path in self._headers}
        if self._bearer_token_file is not None:
            token = _secret(self._bearer_token_file, "--prometheus-bearer-token-file")
            headers["Authorization"] = f"Bearer {token}"
        self._secrets = tuple(part for value in headers.values() for part in value.split())
        request.headers.update(headers)
        return request

    def advice(self, status: int) -> str:
        """What to do about a refusal."""
        if not self._bearer_token_file and not self._headers:
            return (
                "it wants credentials: give --prometheus-bearer-token-file, --prometheus-header or a client certificate"
            )
        what = "are not known" if status == HTTPStatus.UNAUTHORIZED else "do not give the right to query"
        return f"the credentials sent {what}: check the files of --prometheus-bearer-token-file and --prometheus-header"

    def hidden_in(self, text: str) -> str:
        """The text without anything secret: some proxies repeat what they were sent."""
        for secret in self._secrets:
            text = text.replace(secret, "(hidden)")
        return text


def _secret(path: str, flag: str) -> str:
    try:
        with open(path, encoding="ascii") as file:  # noqa: PTH123 - as every secret: a path from a flag
            value = file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not plain text"
        raise ScrapeError(ScrapeReason.PROMETHEUS_REFUSED, f"{flag}: {path} cannot be read: {why}") from None
    if not value or not value.isprintable():
        raise ScrapeError(
            ScrapeReason.PROMETHEUS_REFUSED, f"{flag}: {path} must hold one line of text, not more or less"
        )
    return value


def _api_error(response: requests.Response) -> tuple[str | None, str]:
    """Kind and text of an error as Prometheus' API gives it; no kind where something else answered."""
    try:
        said = response.json()
    except (ValueError, RecursionError):
        return None, ""
    if not isinstance(said, Mapping) or not isinstance(said.get("errorType"), str):
        return None, ""
    return said["errorType"], str(said.get("error", ""))


def _not_prometheus(what: str) -> ScrapeError:
    return ScrapeError(ScrapeReason.PROMETHEUS_ERROR, f"{what}; is --prometheus-url where a Prometheus answers?")


def _explain_tls(error: Exception) -> str:
    found = _cause(error, lambda cause: getattr(cause, "verify_message", None))
    why = found or "the TLS handshake failed"
    return (
        f"{why}; check --prometheus-ca-file, the name in --prometheus-url, and whether it wants "
        "--prometheus-client-certificate-file"
    )


def _explain_connection(error: Exception) -> str:
    if _cause(error, lambda cause: isinstance(cause, socket.gaierror)):
        return "its name is not known; check --prometheus-url"
    if _cause(error, lambda cause: getattr(cause, "errno", None) == errno.ECONNREFUSED):
        return "nothing listens there; check --prometheus-url, and whether it runs"
    return f"the connection failed ({type(error).__name__}); check --prometheus-url and NetworkPolicies"


def _cause(error: BaseException | None, found: Callable[[BaseException], Any]) -> Any:
    """What is found first in an error or in those behind it: libraries wrap them several times."""
    seen = 0
    while error is not None and seen < 10:  # noqa: PLR2004 - deep enough, and never a circle
        if answer := found(error):
            return answer
        reason = getattr(error, "reason", None)
        inner = reason if isinstance(reason, BaseException) else None
        inner = inner or next((part for part in error.args if isinstance(part, BaseException)), None)
        error, seen = inner or error.__cause__ or error.__context__, seen + 1
    return None
