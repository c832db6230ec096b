import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import documents
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from tidegate.api.accelerator_profile import AcceleratorProfile
from tidegate.api.engine import MetricNames
from tidegate.api.inference_service import InferenceService
from tidegate.api.model import ApiModel
from tidegate.api.schema import structural_schema
from tidegate.api.template import PodTemplateOverlay
from tidegate.scaling.sample import SIGNAL_NAMES

EXAMPLES = sorted(
    path
    for path in (Path(__file__).resolve().parents[2] / "examples").rglob("*.yaml")
    if "\nkind: " in path.read_text()
)
"""The objects among the examples."""

KINDS: dict[str, type[ApiModel]] = {"InferenceService": InferenceService, "AcceleratorProfile": AcceleratorProfile}
DOCUMENTS = {model: documents(structural_schema(model)) for model in KINDS.values()}
RELAXED = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def missing(wanted: Any, found: Any, path: str = "") -> list[str]:
    """Paths of what is in one document and not, or otherwise, in another."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [fault for key in wanted for fault in missing(wanted[key], found.get(key), f"{path}.{key}")]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [
            fault
            for i, (one, other) in enumerate(zip(wanted, found, strict=True))
            for fault in missing(one, other, f"{path}[{i}]")
        ]
    return [] if wanted == found and type(wanted) is type(found) else [f"{path}: {wanted!r} became {found!r}"]


FREE = {"template", "nodeLabels", "spotNodeLabels"}
"""What their names are is their owners' business."""


def objects(document: Any) -> list[dict[str, Any]]:
    """Every object inside a document that has fields of ours, itself included."""
    if isinstance(document, list):
        return [found for value in document for found in objects(value)]
    if not isinstance(document, dict):
        return []
    return [document, *(found for name, value in document.items() if name not in FREE for found in objects(value))]


@pytest.mark.parametrize("model", KINDS.values(), ids=KINDS)
class TestAnyDocument:
    """Whatever the API server has let through."""

    @given(data=st.data())
    @RELAXED
    def test_it_is_read_and_nothing_is_lost(self, model: type[ApiModel], data: st.DataObject) -> None:
        """Reading and writing it again gives every field back as it was."""
        document = data.draw(DOCUMENTS[model])
        assert missing(document, model.model_validate(document).to_document()) == []

    @given(data=st.data())
    @RELAXED
    def test_what_is_written_reads_the_same(self, model: type[ApiModel], data: st.DataObject) -> None:
        """Defaults filled in mean what absent fields meant."""
        parsed = model.model_validate(data.draw(DOCUMENTS[model]))
        assert model.model_validate(parsed.to_document()) == parsed

    @given(data=st.data())
    @RELAXED
    def test_fields_of_a_newer_crd_change_nothing(self, model: type[ApiModel], data: st.DataObject) -> None:
        """An operator that was rolled back still reads the objects; only a template keeps what it does not know."""
        document = data.draw(DOCUMENTS[model])
        newer = copy.deepcopy(document)
        for inner in objects(newer["spec"]):
            inner["fieldOfANewerVersion"] = {"a": 1}
        assert missing(document, model.model_validate(newer).to_document()) == []


class TestExamples:
    """The examples are what people copy."""

    @pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
    def test_every_object_of_ours_is_read(self, path: Path) -> None:
        """In full: no field is misspelt."""
        for document in yaml.safe_load_all(path.read_text()):
            if document["kind"] in KINDS:
                parsed = KINDS[document["kind"]].model_validate(document)
                assert missing(document["spec"], parsed.to_document()["spec"]) == []

    def test_they_were_found(self) -> None:
        """An empty list would pass everything above."""
        assert {"chat-gpu.yaml", "office-hours.yaml", "profiles.yaml"} <= {path.name for path in EXAMPLES}


class TestServingEngine:
    """The engine that answers, whoever runs it."""

    def test_it_is_found_in_either_place(self) -> None:
        """In `engine`, or in `targetRef.engine`."""
        own = {"model": {"name": "m"}, "engine": {"type": "vLLM", "image": "i"}}
        target = {"model": {"name": "m"}, "targetRef": {"name": "d", "engine": {"type": "llamaCpp"}}}
        kinds = [InferenceService.model_validate({"spec": spec}).spec.serving_engine.type for spec in (own, target)]
        assert kinds == ["vLLM", "llamaCpp"]

    def test_a_spec_with_neither_says_so(self) -> None:
        """The API server refuses one; an older CRD might not."""
        parsed = InferenceService.model_validate({"spec": {"model": {"name": "m"}}})
        with pytest.raises(ValueError, match="exactly one of engine and targetRef"):
            _ = parsed.spec.serving_engine


class TestMetricNames:
    """Metrics of a Custom engine."""

    def test_every_signal_can_be_named(self) -> None:
        """And nothing else: a name that no signal takes would do nothing."""
        assert set(MetricNames.model_fields) == set(SIGNAL_NAMES)

    @pytest.mark.parametrize("signal", SIGNAL_NAMES)
    def test_any_one_of_them_is_enough(self, signal: str) -> None:
        """The rule that asks for at least one knows them all."""
        (rule,) = MetricNames.rules
        assert f"has(self.{to_camel(signal)})" in rule.rule.split(" || ")


class TestOverlay:
    """`template` is laid over the pods as it was written."""

    @pytest.mark.parametrize(
        "written",
        [
            {},
            {"spec": {"nodeSelector": {"a": "b"}}},
            {"metadata": {"labels": {"team": "x"}}},
            {"spec": {"containers": [{"name": "engine", "livenessProbe": None, "env": [{"name": "A", "value": ""}]}]}},
            {"spec": {"containers": []}},
        ],
    )
    def test_it_holds_what_was_written_and_nothing_else(self, written: dict[str, Any]) -> None:
        """Neither defaults nor a null is added or lost."""
        assert PodTemplateOverlay.model_validate(written).to_overlay() == written

    def test_models_do_not_change(self) -> None:
        """A value that is shared between ticks stays what it was."""
        with pytest.raises(ValidationError, match="frozen"):
            PodTemplateOverlay().metadata = None
