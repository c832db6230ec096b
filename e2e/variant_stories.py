"""What becomes of services that are run in several ways, told from their first pod to their last."""

from dataclasses import dataclass, field

from custom_resources import Document
from operator_process import tidegate

from cluster_clients import Asking, Clients
from helm_release import Release
from model_namespace import ModelNamespace
from pod_lifetimes import Lives
from sleepers import apply_asleep
from tidegate.api.names import VARIANT_LABEL
from variant_services import CPU_PORT, all_gpus_taken, asleep, mixed, short_of_gpus

RUNNING = {"default": "vllm:num_requests_running", "cpu": "llamacpp:requests_processing"}
TOKENS = 40
"""Of an answer; with its prompt, some 47."""

MOST = 1000
"""Requests; all of them end sooner."""

MUCH = 310
"""Tokens per second: more than one replica of either variant is given."""

STREAMS = 42
STREAM_TOKENS = 150


@dataclass(slots=True)
class Story:
    """What was seen of a service.

    Attributes:
        asking: All that was asked of it.
        notes: What was read at some moment, by a name for it.
    """

    asking: list[Asking] = field(default_factory=list)
    notes: dict[str, Document] = field(default_factory=dict)


@dataclass(slots=True)
class Teller:
    """What the stories share.

    Attributes:
        clients: Who asks.
        lives: Of all pods.
        release: The operator.
    """

    clients: Clients
    lives: Lives
    release: Release

    @property
    def here(self) -> ModelNamespace:
        """Their namespace."""
        return self.clients.here

    def ask(self, story: Story, name: str, *, seconds_between: float, until: str) -> Asking:
        """Have answers streamed, at an even pace, until there is a file."""
        asking = self.clients.ask(
            name,
            model=name,
            requests=MOST,
            tokens=TOKENS,
            seconds_between=seconds_between,
            until=f"/tmp/{name}-{until}",  # noqa: S108 - in its pod
        )
        story.asking.append(asking)
        return asking

    def enough(self, name: str, until: str) -> None:
        """Make that file."""
        self.clients.touch(f"/tmp/{name}-{until}")  # noqa: S108 - in its pod

    def ready(self, name: str) -> dict[str, int]:
        """Ready pods of each variant, as the status has them."""
        return {each["name"]: each["readyReplicas"] for each in self.here.status(name).get("variants", ())}

    def wait_ready(self, name: str, **pods: int) -> None:
        """Wait until there are so many ready pods of each variant, and no other."""

        def is_so() -> bool:
            return self.ready(name) == pods and len(self.here.pods(name)) == sum(pods.values())

        self.here.wait(f"{name} has {pods}", is_so)

    def note(self, story: Story, name: str, word: str) -> None:
        """Keep the status, and what `tidegate explain` says; both are printed, for people."""
        where = (f"--namespace={self.here.namespace}", f"--kubeconfig={self.here.cluster.kubeconfig}")
        story.notes[word] = self.here.status(name)
        print(f"\n--- {name}, {word}\n{self.here.kubectl('get', 'infer', name, '--output=yaml')}")  # noqa: T201 - for people
        print(tidegate("explain", name, *where).stdout)  # noqa: T201 - as above

    def running(self, name: str) -> dict[str, int]:
        """How many requests the pods of each variant work on, by their own metrics."""
        found = {}
        for pod in self.here.pod_documents(name):
            variant = pod["metadata"]["labels"][VARIANT_LABEL]
            port = CPU_PORT if variant == "cpu" else self.here.port
            path = f"{self.here.path('pods', pod['metadata']['name'])}:{port}/proxy/metrics"
            page = self.here.cluster.api.get(path).message
            lines = [line for line in page.splitlines() if line.startswith(RUNNING[variant])]
            found[variant] = found.get(variant, 0) + sum(round(float(line.rpartition(" ")[2])) for line in lines)
        return found

    def counted(self, name: str) -> float:
        """The operator's counter of what a service has cost."""
        leader = self.release.leader()
        path = f"/api/v1/namespaces/{self.release.namespace}/pods/{leader}:8080/proxy/metrics"
        labels = (f'namespace="{self.here.namespace}"', f'service="{name}"')
        lines = self.here.cluster.api.get(path).message.splitlines()
        found = [
            line for line in lines if line.startswith("tidegate_cost_total{") and all(each in line for each in labels)
        ]
        return sum(float(line.rpartition(" ")[2]) for line in found)

    def end(self, story: Story, name: str) -> None:
        """Wait until nobody asks, switch it off, and note what it has cost when its last pod is gone."""
        for asking in story.asking:
            asking.ended()
        self.here.kubectl("scale", f"infer/{name}", "--replicas=0")
        self.here.wait("its pods are gone", lambda: all(life.gone_at for life in self.lives.of(name)))
        self.here.wait("its cost is known", lambda: self.here.status(name).get("cost", {}).get("perHour") == "0")
        story.notes["end"] = self.here.status(name)
        story.notes["counted"] = {"cost": self.counted(name)}


def tell_mixed(teller: Teller) -> Story:
    """Little to do, much, more than the budget allows, little again, and then the variant is removed."""
    story, here, name = Story(), teller.here, "mixed"
    here.apply(mixed(here), name)
    here.wait_serving(name)
    teller.ask(story, name, seconds_between=1.0, until="end")
    teller.wait_ready(name, default=0, cpu=1)
    teller.ask(story, name, seconds_between=0.16, until="calm")
    here.wait("it is much", lambda: float(here.status(name)["signals"]["arrivingPerSecond"]) > MUCH)
    teller.wait_ready(name, default=1, cpu=1)
    streams = teller.clients.ask(name, model=name, requests=STREAMS, tokens=STREAM_TOKENS)
    story.asking.append(streams)
    here.wait("all stream", lambda: len(streams.are("begun")) == STREAMS)
    story.notes["running"] = teller.running(name)
    here.wait_condition("ScalingLimited", "True", "BudgetExhausted", name)
    teller.note(story, name, "limited")
    streams.ended()
    teller.enough(name, "calm")
    teller.wait_ready(name, default=0, cpu=1)
    story.notes["calm"] = here.status(name)
    here.patch("inferenceservices", name, {"spec": {"variants": None}})
    here.wait("its Deployment is gone", lambda: here.find("deployments", f"{name}-cpu") is None)
    here.wait_serving(name, pods=1)
    here.wait("nothing is said of variants", lambda: "variants" not in here.status(name))
    teller.enough(name, "end")
    teller.end(story, name)
    return story


def tell_short(teller: Teller) -> Story:
    """Its GPU is taken from it while it works, and given back."""
    story, here, name = Story(), teller.here, "short"
    here.apply(short_of_gpus(here), name)
    here.wait_serving(name)
    teller.ask(story, name, seconds_between=0.5, until="end")
    here.wait("it has answered", lambda: story.asking[0].are("answered"))
    teller.wait_ready(name, default=1, cpu=0)
    with all_gpus_taken(here):
        here.wait("another steps in", lambda: teller.ready(name) == {"default": 0, "cpu": 1})
        here.wait_condition("AcceleratorAvailable", "False", "NoRoom", name)
        teller.note(story, name, "fallback")
        answered = len(story.asking[0].are("answered"))
        here.wait("it answers", lambda: len(story.asking[0].are("answered")) > answered)
    here.wait_condition("AcceleratorAvailable", "True", "Available", name)
    teller.wait_ready(name, default=1, cpu=0)
    teller.note(story, name, "recovered")
    teller.enough(name, "end")
    teller.end(story, name)
    return story


def tell_asleep(teller: Teller) -> Story:
    """Some requests, all at once, wake it."""
    story, here, name = Story(), teller.here, "asleep"
    apply_asleep(teller.clients, asleep(here), name)
    story.asking.append(teller.clients.ask(name, model=name, requests=4, tokens=TOKENS // 4))
    story.asking[0].ended()
    here.wait_serving(name, pods=1)
    story.notes["awake"] = here.status(name)
    story.notes["sizes"] = {each: here.size(each) for each in (name, f"{name}-cpu")}
    teller.end(story, name)
    return story
