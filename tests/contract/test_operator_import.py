"""`tidegate import`: what it prints is accepted by a real API server, and a trial on a real Deployment tells a size."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from custom_resources import CustomResources, changed
from operated_namespace import AT_ONCE, OperatedNamespace
from operator_process import OperatorProcess, tidegate

pytestmark = pytest.mark.cluster

TOLD = ("--engine=vLLM", "--model=llama-3.1-8b")

BEHAVIOR = """
  scaleUp: {stabilizationWindowSeconds: 0, selectPolicy: Max, policies: [{type: Pods, value: 4, periodSeconds: 15}]}
  scaleDown:
    stabilizationWindowSeconds: 600
    selectPolicy: Min
    tolerance: "0.2"
    policies: [{type: Percent, value: 50, periodSeconds: 60}, {type: Pods, value: 1, periodSeconds: 120}]
"""

HPA = f"""
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: chat}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: chat}}
  minReplicas: 2
  maxReplicas: 5000
  metrics:
    - type: Pods
      pods: {{metric: {{name: vllm_num_requests_waiting}}, target: {{type: AverageValue, averageValue: 3}}}}
  behavior: {yaml.safe_load(BEHAVIOR)}
"""
SCALED_OBJECT = f"""
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{name: chat, annotations: {{autoscaling.keda.sh/paused-replicas: "0"}}}}
spec:
  scaleTargetRef: {{name: a-deployment.with-a-name-that-is-far-too-long-for-a-service}}
  advanced: {{horizontalPodAutoscalerConfig: {{behavior: {yaml.safe_load(BEHAVIOR)}}}}}
  triggers:
    - type: prometheus
      metadata:
        query: sum(rate(vllm:prompt_tokens_total[1m])) + sum(rate(vllm:generation_tokens_total[1m]))
        threshold: "0.000001"
"""
KSERVE = """
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: chat}
spec: {predictor: {minReplicas: 0, maxReplicas: 3}}
"""


@pytest.mark.parametrize("text", [HPA, SCALED_OBJECT, KSERVE], ids=["hpa", "keda", "kserve"])
def test_what_is_printed_is_accepted_as_it_is(trial: CustomResources, tmp_path: Path, text: str) -> None:
    """Comments and all: nothing is pruned of it, and no rule of the CustomResourceDefinition is broken."""
    file = tmp_path / "in.yaml"
    file.write_text(text)
    told = tidegate("import", *TOLD, str(file))
    assert told.returncode == 0, told.stderr

    answer = trial.try_out(yaml.safe_load(told.stdout))

    assert answer.status == 201, answer.message
    assert _within(answer.document["spec"], yaml.safe_load(told.stdout)["spec"])


@pytest.mark.usefixtures("operator")
def test_a_trial_beside_a_running_autoscaler(here: OperatedNamespace, tmp_path: Path) -> None:
    """What `kubectl get` says goes in, what comes out is applied: a size is decided and nothing is touched."""
    make_deployment(here)
    here.create("/apis/autoscaling/v2", "horizontalpodautoscalers", yaml.safe_load(HPA))
    file = tmp_path / "in.yaml"
    file.write_text(here.kubectl("get", "hpa,deployment,service", "--output=yaml"))
    before = here.deployment()

    told = tidegate("import", str(file))
    assert told.returncode == 0, told.stderr
    here.resources.kubectl("apply", "--server-side", "--filename=-", stdin=told.stdout)

    here.wait("a size is decided on metrics that are read", lambda: here.condition("MetricsAvailable")[0] == "True")
    decision = here.status()["decision"]
    assert (decision["from"], decision["applied"]) == (3, False)
    because = {proposal["term"]: proposal["because"] for proposal in decision["proposals"]}
    assert because["queue"] == "0 requests waiting, 9 allowed"
    assert here.condition("SpecValid")[:2] == ("True", "Accepted")
    assert here.deployment()["spec"] == before["spec"]
    assert here.owners() == {"helm Update"}


def test_the_next_step_asks_for_the_autoscaler_to_go(here: OperatedNamespace, operator: OperatorProcess) -> None:
    """Mode Automatic waits, and says for what; when it is gone, the size is written."""
    del operator
    make_deployment(here)
    here.create("/apis/autoscaling/v2", "horizontalpodautoscalers", yaml.safe_load(HPA))
    here.apply(here.targeting("chat", **changed(AT_ONCE, {"scaling": {"minReplicas": 2}})))
    message = here.wait_condition("SpecValid", "False", "TargetHasAutoscaler")
    assert "HorizontalPodAutoscaler 'chat'" in message
    assert here.owners() == {"helm Update"}

    here.kubectl("delete", "hpa", "chat")

    here.wait_size(2)
    assert "tidegate-scaler Apply scale" in here.owners()


def make_deployment(here: OperatedNamespace) -> None:
    """Three pods that tell engine, model and port by their arguments."""
    container = {
        "name": "vllm",
        "image": "vllm/vllm-openai:v0.11.0",
        "args": ["--model=meta-llama/Llama-3.1-8B", "--served-model-name=m", f"--port={here.port}"],
    }
    labels = {"app": "chat"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}
    here.create("/apis/apps/v1", "deployments", {"metadata": {"name": "chat"}, "spec": spec})
    here.wait("its pods are ready", lambda: here.deployment().get("status", {}).get("readyReplicas") == 3)


def _within(document: Any, part: Any) -> bool:
    """Whether all of a part is in a document, which may say more."""
    if isinstance(part, dict):
        return isinstance(document, dict) and all(key in document and _within(document[key], part[key]) for key in part)
    if isinstance(part, list):
        return len(document) == len(part) and all(map(_within, document, part))
    return bool(document == part)
