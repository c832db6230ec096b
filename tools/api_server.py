"""Speaks plain JSON over HTTPS to an API server, with nothing but the standard library.

For what kubectl and client libraries hide or forbid: the exact patch type, field manager and answer of a request.
"""

import json
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

Document = dict[str, Any]

TIMEOUT_SECONDS = 30
APPLY = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said: the HTTP status, and the object or the Status that explains a failure."""

    status: int
    document: Document

    @property
    def message(self) -> str:
        """The explanation of a failure; empty for an object."""
        return str(self.document.get("message", ""))


@dataclass(frozen=True, slots=True)
class ApiServer:
    """One API server, as its administrator.

    Attributes:
        url: Such as `https://127.0.0.1:6443`.
        tls: Client certificate and the server's authority.
        acting_as: User in whose place the administrator asks, such as `system:serviceaccount:NAMESPACE:NAME`; empty: in
            his own.
    """

    url: str
    tls: ssl.SSLContext = field(repr=False)
    acting_as: str = ""

    @classmethod
    def from_kubeconfig(cls, path: Path) -> "ApiServer":
        """Read a kubeconfig as kwokctl writes it: one cluster, one user, certificates as files.

        Raises:
            ValueError: The file is not of that kind.
        """
        text = path.read_text()
        values = {}
        for key in ("server", "certificate-authority", "client-certificate", "client-key"):
            found = re.findall(rf"^\s*{key}: (.+)$", text, re.MULTILINE)
            if len(found) != 1:
                raise ValueError(f"{path} has {len(found)} values of {key}, not one; it was not written by kwokctl.")
            values[key] = found[0].strip("\"'")
        tls = ssl.create_default_context(cafile=values["certificate-authority"])
        tls.load_cert_chain(values["client-certificate"], values["client-key"])
        return cls(url=values["server"], tls=tls)

    def request(
        self, method: str, path: str, body: object = None, *, content_type: str = "application/json", **query: str
    ) -> Answer:
        """Send one request; a failure status is an answer like any other.

        Args:
            method: GET, POST, PUT, PATCH or DELETE.
            path: Such as `/apis/apps/v1/namespaces/default/deployments/chat`.
            body: Sent as JSON (which is YAML, too); None = no body.
            content_type: Decides what a PATCH means.
            query: Such as fieldManager="tidegate", force="true".

        Raises:
            OSError: No answer came.
        """
        url = self.url + path + ("?" + urlencode(query) if query else "")
        data = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json", "User-Agent": "tidegate-tools", "Content-Type": content_type}
        if self.acting_as:
            headers["Impersonate-User"] = self.acting_as
        request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310 - always https
        try:
            with self._opener().open(request, timeout=TIMEOUT_SECONDS) as response:
                return Answer(response.status, _document(response.read()))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, _document(error.read()))

    def get(self, path: str, **query: str) -> Answer:
        """Read one object or list."""
        return self.request("GET", path, **query)

    def apply(self, path: str, body: Mapping[str, Any], *, manager: str, force: bool = False) -> Answer:
        """Server-side apply."""
        force_text = "true" if force else "false"
        return self.request("PATCH", path, body, content_type=APPLY, fieldManager=manager, force=force_text)

    def merge_patch(self, path: str, body: Mapping[str, Any], *, manager: str) -> Answer:
        """JSON merge patch."""
        return self.request("PATCH", path, body, content_type=MERGE_PATCH, fieldManager=manager)

    def json_patch(self, path: str, operations: list[Document], *, manager: str) -> Answer:
        """JSON patch: operations that all succeed or none."""
        return self.request("PATCH", path, operations, content_type=JSON_PATCH, fieldManager=manager)

    def _opener(self) -> urllib.request.OpenerDirector:
        # No proxy: the server is on this machine, whatever HTTPS_PROXY says.
        return urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.tls)
        )


def _document(data: bytes) -> Document:
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"message": data.decode(errors="replace")}
