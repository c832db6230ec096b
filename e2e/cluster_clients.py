"""Clients in a pod, beside the engines: what they ask goes through real Services, and what becomes of it is told."""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple, Self

from custom_resources import Document

from model_namespace import RESTRICTED, ModelNamespace

SCRIPTS = Path(__file__).with_name("clients")
PATIENCE_SECONDS = 300
CURL_SECONDS = 120
REACH_SECONDS = 2


class Answer(NamedTuple):
    """What curl got.

    Attributes:
        status: Of HTTP.
        headers: By their names in small letters.
        text: The body.
        seconds: How long it took, by curl's own clock.
    """

    status: int
    headers: dict[str, str]
    text: str
    seconds: float

    @property
    def body(self) -> Document:
        """The body as JSON."""
        found: Document = json.loads(self.text)
        return found


@dataclass(slots=True)
class Asking:
    """A script under way in the clients' pod.

    Attributes:
        process: Of kubectl.
        lines: What it has told so far.
    """

    process: subprocess.Popen[str]
    lines: list[Document] = field(default_factory=list)
    _reader: Thread | None = None

    @classmethod
    def started(cls, process: subprocess.Popen[str]) -> Self:
        """Read what it tells, in a thread."""
        made = cls(process)
        made._reader = Thread(target=made._read, daemon=True)
        made._reader.start()
        return made

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(json.loads(line) for line in self.process.stdout)

    def are(self, word: str) -> list[Document]:
        """Of `ask.py`: what it told about requests that were sent, begun, answered, refused, cut or lost."""
        return [line for line in list(self.lines) if line["is_"] == word]

    def end(self) -> None:
        """Wait no longer."""
        self.process.kill()
        self.process.wait()
        assert self._reader is not None
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def ended(self) -> Self:
        """Wait until all of it is over."""
        code = self.process.wait(PATIENCE_SECONDS)
        assert self._reader is not None
        self._reader.join(PATIENCE_SECONDS)
        assert code == 0, f"kubectl exec ended with {code}; so far: {self.lines[-5:]}"
        return self

    def all_answered(self) -> Self:
        """Wait until all of it is over, and every request has its whole answer."""
        self.ended()
        words = Counter(line["is_"] for line in self.lines)
        others = [line for line in self.lines if line["is_"] not in {"sent", "begun", "answered"}]
        assert words["answered"] == words["sent"] > 0, others[:5]
        return self


@dataclass(frozen=True, slots=True)
class Clients:
    """A pod with OpenAI's SDK and curl.

    Attributes:
        here: Its namespace.
        pod: Its name.
        started: All that was started there.
    """

    here: ModelNamespace
    pod: str = "clients"
    started: list[Asking] = field(default_factory=list)

    def url(self, name: str = "chat", namespace: str = "") -> str:
        """A service's own address."""
        return f"http://{name}.{namespace or self.here.namespace}.svc:{self.here.port}"

    def start(self, script: str, **asked: Any) -> Asking:
        """Start one of the scripts with what it takes."""
        command = [*self._exec(), "python", "-", json.dumps(asked)]
        with (SCRIPTS / script).open() as text:
            process = subprocess.Popen(command, stdin=text, stdout=subprocess.PIPE, text=True)
        self.started.append(asking := Asking.started(process))
        return asking

    def ask(
        self,
        name: str = "chat",
        *,
        url: str = "",
        model: str = "m",
        requests: int = 1,
        tokens: int = 8,
        seconds_between: float = 0.0,
        **more: Any,
    ) -> Asking:
        """Ask a service for streamed answers with OpenAI's SDK, at its own address unless another is given."""
        asked = {"model": model, "requests": requests, "tokens": tokens, "seconds_between": seconds_between}
        return self.start("ask.py", url=url or self.url(name), **asked, **more)

    def touch(self, file: str) -> None:
        """Make a file, for which `keep_asking.py` may wait."""
        subprocess.run([*self._exec(), "touch", file], check=True)

    def curl(self, url: str, *options: str) -> Answer:
        """Ask with curl."""
        shown = ["--silent", "--show-error", "--include", "--write-out", "\n%{time_total}"]
        command = [*self._exec(), "curl", *shown, "--max-time", str(CURL_SECONDS), *options, url]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr
        all_of_it, _, seconds = answer.stdout.replace("\r\n", "\n").rpartition("\n")
        head, _, body = all_of_it.partition("\n\n")
        status, *headers = head.splitlines()
        named = dict(line.split(": ", 1) for line in headers if ": " in line)
        return Answer(
            int(status.split()[1]), {key.lower(): value for key, value in named.items()}, body, float(seconds)
        )

    def reach(self, url: str) -> bool:
        """Whether anybody answers there."""
        command = [*self._exec(), "curl", "--silent", "--max-time", str(REACH_SECONDS), url]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def post(self, url: str, model: str = "m") -> Answer:
        """Ask for a completion with curl."""
        asked = {"model": model, "prompt": "?", "max_tokens": 4}
        return self.curl(f"{url}/v1/completions", "--json", json.dumps(asked))

    def _exec(self) -> list[str]:
        where = ["--kubeconfig", str(self.here.cluster.kubeconfig), "--namespace", self.here.namespace]
        return [str(self.here.cluster.program), *where, "exec", "--stdin", self.pod, "--"]


@contextmanager
def clients_in(here: ModelNamespace, image: str) -> Iterator[Clients]:
    """The pod, ready, until the block ends."""
    container = {
        "name": "clients",
        "image": image,
        "securityContext": {**RESTRICTED, "runAsUser": 65532},
    }
    pod = {"metadata": {"name": "clients"}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 0}}
    here.create("/api/v1", "pods", pod)
    here.kubectl("wait", "pod/clients", "--for=condition=Ready", "--timeout=90s")
    clients = Clients(here)
    try:
        yield clients
    finally:
        for asking in clients.started:
            asking.end()
