"""What a Deployment's body does with what users write; golden bodies show the rest."""

from typing import Any

import pytest

from tidegate.api.accelerator_profile import AcceleratorProfileSpec
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.workloads.conflict import TemplateConflictError
from tidegate.workloads.deployment import deployment
from tidegate.workloads.hashing import inputs_hash, with_body_hash
from tidegate.workloads.owner import Owner

OWNER = Owner(name="chat", namespace="default", uid="u")
ENGINE: dict[str, Any] = {"type": "vLLM", "image": "vllm/vllm-openai:v0.11.0"}
GPU = AcceleratorProfileSpec(resource_name="nvidia.com/gpu")
SELECTOR = {"inference.tidegate.dev/service": "chat", "inference.tidegate.dev/variant": "default"}


def spec(engine: dict[str, Any] | None = None, **more: Any) -> InferenceServiceSpec:
    """A spec with a vLLM engine."""
    document = {"model": {"name": "llama"}, "engine": {**ENGINE, **(engine or {})}, **more}
    return InferenceServiceSpec.model_validate(document)


def body(template: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The body of a service without accelerators."""
    return deployment(OWNER, spec(template=template, **more), None)


def pod(rendered: dict[str, Any]) -> dict[str, Any]:
    """Its PodSpec."""
    found: dict[str, Any] = rendered["spec"]["template"]["spec"]
    return found


def engine(rendered: dict[str, Any]) -> dict[str, Any]:
    """Its engine's container."""
    found: dict[str, Any] = pod(rendered)["containers"][0]
    return found


def test_no_replicas_in_the_body() -> None:
    """Replicas have an owner of their own, whatever sizes the spec speaks of."""
    rendered = body(replicas=5, scaling={"minReplicas": 3})
    assert "replicas" not in rendered["spec"]


def test_pods_carry_the_selectors_labels() -> None:
    """The Deployment's selector never changes; the routing label is the Service's and not in it."""
    rendered = body()
    assert rendered["spec"]["selector"] == {"matchLabels": SELECTOR}
    labels = rendered["spec"]["template"]["metadata"]["labels"]
    assert labels == {**SELECTOR, "inference.tidegate.dev/routing": "serving"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"type": "vLLM"}, None),
        ({"type": "vLLM", "metrics": {"port": 9000, "path": "/m"}}, None),
        ({"type": "Custom", "port": 80, "metrics": {"port": 81, "path": "/m", "names": {"waiting": "w"}}}, None),
        ({"type": "Triton"}, {"prometheus.io/port": "8002"}),
        ({"type": "Triton", "metrics": {"port": 9000}}, {"prometheus.io/port": "9000"}),
        ({"type": "TensorRTLLM"}, {"prometheus.io/path": "/prometheus/metrics"}),
        ({"type": "Ollama"}, {"prometheus.io/scrape": "false"}),
    ],
)
def test_engines_with_metrics_elsewhere_say_where(given: dict[str, Any], expected: dict[str, str] | None) -> None:
    """To a Prometheus that scrapes pods. What a spec says of its metrics' place rolls no pods, so it is not told."""
    metadata = deployment(OWNER, spec(given), None)["spec"]["template"]["metadata"]
    assert metadata.get("annotations") == expected


@pytest.mark.parametrize(
    ("accelerator", "profile", "expected"),
    [
        (None, None, {"maxSurge": 1, "maxUnavailable": 0}),
        ({"profile": "l4"}, GPU, {"maxSurge": 0, "maxUnavailable": 1}),
    ],
    ids=["cpu", "accelerator"],
)
def test_no_surge_where_accelerators_are_scarce(
    accelerator: dict[str, Any] | None, profile: AcceleratorProfileSpec | None, expected: dict[str, int]
) -> None:
    """A rollout waits for a free accelerator only if one of its own pods gives it back."""
    rendered = deployment(OWNER, spec(accelerator=accelerator), profile)
    assert rendered["spec"]["strategy"]["rollingUpdate"] == expected


@pytest.mark.parametrize(("timeout", "failures"), [(10, 5), (11, 6), (1200, 600), (86_400, 43_200)])
def test_start_up_budget(timeout: int, failures: int) -> None:
    """The startup probe allows at least the seconds the user gave, and the rollout's deadline lies beyond them."""
    rendered = body(engine={"startupTimeoutSeconds": timeout})
    probe = engine(rendered)["startupProbe"]
    assert probe["failureThreshold"] == failures
    assert probe["failureThreshold"] * probe["periodSeconds"] >= timeout
    assert rendered["spec"]["progressDeadlineSeconds"] > timeout


def test_an_unknown_engine_is_probed_by_connecting() -> None:
    """A Custom engine has no known health path: its port must accept connections."""
    custom = {"type": "Custom", "port": 9000, "metrics": {"names": {"waiting": "w"}}}
    container = engine(body(engine=custom))
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["tcpSocket"] == {"port": "http"}
        assert "httpGet" not in container[probe]
    assert "args" not in container


@pytest.mark.parametrize(("grace", "sleep"), [(None, 60), (360, 60), (120, 60), (100, 50), (30, 15), (2, 1), (1, None)])
def test_the_sleep_before_the_end_fits_its_grace(grace: int | None, sleep: int | None) -> None:
    """The API server refuses a preStop sleep longer than the grace period, so a shorter grace shortens it."""
    template = {"spec": {"terminationGracePeriodSeconds": grace}} if grace else None
    lifecycle = engine(body(template)).get("lifecycle")
    assert lifecycle == ({"preStop": {"sleep": {"seconds": sleep}}} if sleep else None)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (
        "selector label",
        {"metadata": {"labels": {"inference.tidegate.dev/service": "other"}}},
        "template.metadata.labels[inference.tidegate.dev/service]: 'other': must stay 'chat'",
    ),
    (
        "routing label",
        {"metadata": {"labels": {"inference.tidegate.dev/routing": "draining"}}},
        "template.metadata.labels[inference.tidegate.dev/routing]: 'draining': must stay 'serving'",
    ),
    (
        "two engines",
        {"spec": {"containers": [{"name": "engine"}, {"name": "a"}, {"name": "engine"}]}},
        "template.spec.containers: ['engine', 'a', 'engine']: names 'engine' more than once; merge",
    ),
    (
        "engine removed",
        {"spec": {"containers": [{"name": "engine", "$patch": "delete"}]}},
        "template.spec.containers: nothing is there: removes the container 'engine', which runs the engine;",
    ),
    (
        "labels replaced",
        {"metadata": {"labels": {"$patch": "replace", "a": "b"}}},
        "template.metadata.labels[inference.tidegate.dev/service]: nothing is there: must stay 'chat'",
    ),
    (
        "engine among the init containers",
        {"spec": {"initContainers": [{"name": "engine", "image": "i"}]}},
        "template.spec.initContainers[0].name: 'engine': the main container has this name; choose another",
    ),
    (
        "port renamed",
        {"spec": {"containers": [{"name": "engine", "ports": [{"containerPort": 8000, "name": "web"}]}]}},
        "template.spec.containers[name=engine].ports: [('web', 8000)]: the name 'http' belongs to port 8000",
    ),
    (
        "port name removed",
        {"spec": {"containers": [{"name": "engine", "ports": [{"containerPort": 8000, "name": None}]}]}},
        "template.spec.containers[name=engine].ports: [(None, 8000)]: the name 'http' belongs",
    ),
    (
        "all ports removed",
        {"spec": {"containers": [{"name": "engine", "ports": None}]}},
        "template.spec.containers[name=engine].ports: nothing is there: the name 'http' belongs",
    ),
    (
        "port name taken by another port",
        {"spec": {"containers": [{"name": "engine", "ports": [{"containerPort": 9000, "name": "http"}]}]}},
        "template.spec.containers[name=engine].ports: [('engine', 8000), ('engine', 9000)]: the name 'http'",
    ),
    (
        "port name taken by another container",
        {"spec": {"containers": [{"name": "proxy", "ports": [{"containerPort": 9000, "name": "http"}]}]}},
        "template.spec.containers[name=proxy].ports: [('engine', 8000), ('proxy', 9000)]: the name 'http'",
    ),
]


@pytest.mark.parametrize(("name", "template", "message"), REFUSED, ids=[case[0] for case in REFUSED])
def test_templates_that_would_break_the_service(name: str, template: dict[str, Any], message: str) -> None:
    """What the selectors and the Service need cannot be overlaid; the message says where and what to do."""
    with pytest.raises(TemplateConflictError) as refused:
        body(template)
    assert str(refused.value).startswith(message), name


@pytest.mark.parametrize(
    "template",
    [
        {"metadata": {"labels": {"inference.tidegate.dev/service": "chat"}}},
        {"spec": {"containers": [{"name": "engine", "ports": [{"containerPort": 8000, "name": "http"}]}]}},
        {"spec": {"containers": [{"name": "engine", "ports": [{"containerPort": 9000, "name": "grpc"}]}]}},
    ],
    ids=["same label", "same port name", "one more port"],
)
def test_saying_the_same_again_is_no_conflict(template: dict[str, Any]) -> None:
    """Only changes are refused."""
    assert body(template)["spec"]["selector"]["matchLabels"] == SELECTOR


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"accelerator": {"profile": "l4"}}, "accelerator.profile: 'l4': no such AcceleratorProfile"),
        (
            {"engine": None, "targetRef": {"name": "x", "engine": {"type": "vLLM"}}},
            "spec.engine: None: a Deployment is made for services with an engine only",
        ),
    ],
    ids=["no profile", "no engine"],
)
def test_what_cannot_be_rendered(given: dict[str, Any], message: str) -> None:
    """A spec that misses a part is an error that names it."""
    document = {"model": {"name": "m"}, "engine": ENGINE, **given}
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        deployment(OWNER, InferenceServiceSpec.model_validate(document), None)


SAME: list[dict[str, Any]] = [
    {"scaling": {"minReplicas": 2, "maxReplicas": 9, "tokenThroughput": {"targetPerReplica": 5}}},
    {"replicas": 3},
    {"engine": {"metrics": {"port": 9000}}},
    {"engine": {"startupTimeoutSeconds": 1200, "args": []}},
    {"template": {}},
    {"template": {"metadata": {"labels": {}}, "spec": {"containers": []}}},
]
OTHER: list[dict[str, Any]] = [
    {"engine": {"image": "vllm/vllm-openai:v0.12.0"}},
    {"engine": {"args": ["--x"]}},
    {"engine": {"port": 8001}},
    {"engine": {"startupTimeoutSeconds": 60}},
    {"model": {"name": "other"}},
    {"template": {"metadata": {"annotations": {"a": "b"}}}},
    {"template": {"spec": {"containers": [{"name": "engine", "livenessProbe": None}]}}},
    {"accelerator": {"profile": "l4"}},
]


@pytest.mark.parametrize("change", SAME, ids=str)
def test_what_rolls_no_pods(change: dict[str, Any]) -> None:
    """Sizes, scaling, where metrics are read, and defaults written out leave the inputs' hash as it is."""
    hashes = {inputs_hash(spec(), None), inputs_hash(spec(**change), None)}
    assert len(hashes) == 1


def test_what_rolls_pods() -> None:
    """Every change that the pods can feel, one in the profile included, gives a hash of its own."""
    hashes = {inputs_hash(spec(**change), None) for change in [{}, *OTHER]}
    hashes |= {
        inputs_hash(spec(accelerator={"profile": "l4"}), GPU),
        inputs_hash(spec(accelerator={"profile": "l4"}), GPU.model_copy(update={"runtime_class_name": "nvidia"})),
    }
    assert len(hashes) == 1 + len(OTHER) + 2


def test_the_metrics_port_that_an_engine_is_started_with_rolls_pods() -> None:
    """Triton listens where it was told at its start; where a page is and what is counted is no pod's business."""

    def triton(**metrics: Any) -> str:
        return inputs_hash(spec(engine={"type": "Triton", "metrics": metrics}), None)

    assert triton() == triton(path="/m") == triton(workUnit="requests")
    assert len({triton(), triton(port=9000), triton(port=9001, path="/m")}) == 3


def test_the_body_hash_covers_all_but_itself() -> None:
    """Hashing again changes nothing; any other field changes the hash."""
    rendered = body()
    assert with_body_hash(rendered) == rendered
    changed = with_body_hash({**rendered, "spec": {**rendered["spec"], "revisionHistoryLimit": 4}})
    name = "inference.tidegate.dev/body-hash"
    assert changed["metadata"]["annotations"][name] != rendered["metadata"]["annotations"][name]
