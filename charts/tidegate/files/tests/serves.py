"""Run by `helm test`: an InferenceService with a simulated engine becomes ready, answers, and is deleted again.

It is asked at its own address and, where there is one, at the address that all services share.
"""

import json
import os
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
API_SERVER = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
SERVICE = json.loads(os.environ["INFERENCE_SERVICE"])
SECONDS = int(os.environ["SECONDS_TO_BE_READY"])
SHARED_URL = os.environ.get("SHARED_URL")

COLLECTION = f"/apis/{SERVICE['apiVersion']}/namespaces/{SERVICE['metadata']['namespace']}/inferenceservices"
OBJECT = f"{COLLECTION}/{SERVICE['metadata']['name']}"


def kubernetes(method: str, path: str, body: object = None) -> Any:
    """Ask the API server; None where there is nothing."""
    headers = {"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}", "Content-Type": "application/json"}
    trusted = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{API_SERVER}{path}", data, headers, method=method)  # noqa: S310 - always https
    try:
        with urllib.request.urlopen(request, timeout=30, context=trusted) as response:  # noqa: S310 - always https
            return json.load(response)
    except urllib.error.HTTPError as error:
        if error.code == 404:  # noqa: PLR2004 - HTTP's Not Found
            return None
        raise SystemExit(f"{method} {path}: {error.code} {error.read().decode()}") from error


def wait_until_gone() -> None:
    """Delete the service, and wait until that is done."""
    deadline = time.monotonic() + SECONDS
    while kubernetes("DELETE", OBJECT) is not None:
        if time.monotonic() > deadline:
            raise SystemExit(f"{OBJECT} is not deleted within {SECONDS} s")
        time.sleep(1)


def wait_until_ready() -> str:
    """Wait until the service is ready; its URL."""
    deadline = time.monotonic() + SECONDS
    while True:
        status = kubernetes("GET", OBJECT).get("status", {})
        conditions = {found["type"]: found for found in status.get("conditions", ())}
        if conditions.get("Ready", {}).get("status") == "True" and "url" in status:
            return str(status["url"])
        if time.monotonic() > deadline:
            said = "\n".join(f"{c['type']}={c['status']} {c['reason']}: {c['message']}" for c in conditions.values())
            raise SystemExit(f"{OBJECT} is not ready within {SECONDS} s; its conditions:\n{said or 'none'}")
        time.sleep(1)


def ask(url: str) -> str:
    """One completion. Addresses reach the nodes a little later than the status: it is asked for until it comes."""
    question = {"model": SERVICE["spec"]["model"]["name"], "messages": [{"role": "user", "content": "Hello"}]}
    data = json.dumps({**question, "max_tokens": 5}).encode()
    deadline = time.monotonic() + 30
    while True:
        request = urllib.request.Request(  # noqa: S310 - from the status
            f"{url}/v1/chat/completions", data, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - as above
                return str(json.load(response)["choices"][0]["message"]["content"])
        except OSError as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"{url} does not answer: {error}") from error
            time.sleep(1)


wait_until_gone()  # What an earlier run left.
kubernetes("POST", COLLECTION, SERVICE)
print("created", OBJECT, flush=True)
try:
    address = wait_until_ready()
    print("ready at", address, flush=True)
    for url in filter(None, (address, SHARED_URL)):
        print(f"answered at {url}:", ask(url), flush=True)
finally:
    wait_until_gone()
    print("deleted", flush=True)
