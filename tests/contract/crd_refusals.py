"""What the API server refuses, and what it then says: a change of the least spec -> the message."""

from typing import Any, NamedTuple

CUSTOM = {"type": "Custom", "port": 8188, "metrics": {"names": {"waiting": "queue_length"}}}
TARGET = {"engine": None, "targetRef": {"name": "old", "engine": {"type": "vLLM"}}}


class Refused(NamedTuple):
    """One row."""

    change: dict[str, Any]
    """Laid over the least spec, as a merge patch."""

    says: str
    """A part of the API server's message: the field, the value, the fix."""

    by_rule: bool = True
    """By a CEL rule or a list's key. Otherwise the model refuses it as well."""


def scheduled(*changes: dict[str, Any]) -> dict[str, Any]:
    """Office hours, once for each change of them; None takes a field away."""
    office = {"name": "office", "start": "0 8 * * 1-5", "end": "0 18 * * 1-5", "timeZone": "UTC", "minReplicas": 3}
    merged = ({**office, **change} for change in changes)
    spans = [{name: value for name, value in span.items() if value is not None} for span in merged]
    return {"scaling": {"schedules": spans}}


def varied(*changes: dict[str, Any], **others: Any) -> dict[str, Any]:
    """A variant called cpu, once for each change of it, beside other changes of the spec."""
    return {**others, "variants": [{"name": "cpu", **change} for change in changes]}


def by_schema(change: dict[str, Any], says: str) -> Refused:
    """A row that needs no rule."""
    return Refused(change, says, by_rule=False)


SERVICES = {
    # Bounds
    "minimum above maximum": Refused(
        {"scaling": {"minReplicas": 5, "maxReplicas": 3}},
        'spec.scaling.minReplicas: Invalid value: "object": minReplicas is above maxReplicas: lower minReplicas, or '
        "raise maxReplicas",
    ),
    "minimum above the default maximum": Refused({"scaling": {"minReplicas": 9}}, "minReplicas is above maxReplicas"),
    "negative minimum": by_schema(
        {"scaling": {"minReplicas": -1}},
        "spec.scaling.minReplicas: Invalid value: -1: spec.scaling.minReplicas in body should be greater than or equal",
    ),
    "asleep behind nobody": Refused(
        {"scaling": {"minReplicas": 0}, "routing": {"mode": "None"}},
        "minReplicas is 0, and without a gateway in the way nobody would wake the service: set it to 1, or "
        "routing.mode to Gateway or Direct (not with targetRef)",
    ),
    "asleep on a target": Refused({**TARGET, "scaling": {"minReplicas": 0}}, "nobody would wake the service"),
    "huge maximum": by_schema(
        {"scaling": {"maxReplicas": 1001}},
        "spec.scaling.maxReplicas in body should be less than or equal to 1000",
    ),
    "maximum above 64 bits": by_schema({"scaling": {"maxReplicas": 10**30}}, "spec.scaling.maxReplicas"),
    "half a replica": by_schema(
        {"scaling": {"maxReplicas": 1.5}}, "spec.scaling.maxReplicas in body must be of type integer"
    ),
    "unknown mode": by_schema(
        {"scaling": {"mode": "Auto"}},
        'spec.scaling.mode: Unsupported value: "Auto": supported values: "Automatic", "Advisory", "Paused"',
    ),
    # Sleep and routing
    "idle for no time": by_schema(
        {"scaling": {"scaleToZero": {"idleSeconds": 5}}},
        "spec.scaling.scaleToZero.idleSeconds in body should be greater than or equal to 30",
    ),
    "idle for two days": by_schema(
        {"scaling": {"scaleToZero": {"idleSeconds": 172_800}}}, "less than or equal to 86400"
    ),
    "a gateway before a target": Refused(
        {**TARGET, "routing": {"mode": "Gateway"}},
        "with targetRef requests go the way that its owner gave them: remove routing.mode, or use engine instead",
    ),
    "unknown routing": by_schema({"routing": {"mode": "Mesh"}}, 'supported values: "Gateway", "Direct", "None"'),
    "holds nobody": by_schema({"routing": {"maxHeldRequests": 0}}, "greater than or equal to 1"),
    "holds the world": by_schema({"routing": {"maxHeldRequests": 10**6}}, "less than or equal to 10000"),
    "holds for ever": by_schema({"routing": {"holdTimeoutSeconds": 86_400}}, "less than or equal to 3600"),
    "affinity without a gateway": Refused(
        {"routing": {"mode": "Direct", "affinityHeader": "x-session-id"}},
        "affinityHeader is for mode Gateway: elsewhere nothing of ours chooses the pod; remove it, or set mode to "
        "Gateway",
    ),
    "affinity by no header": by_schema({"routing": {"affinityHeader": "x: y"}}, "spec.routing.affinityHeader"),
    "an alias that is no name": by_schema({"model": {"aliases": ["a b"]}}, "spec.model.aliases[0]"),
    "an alias twice": Refused({"model": {"aliases": ["a", "a"]}}, "Duplicate value"),
    # Metrics
    "unknown source of metrics": by_schema(
        {"metrics": {"source": "prometheus"}},
        'spec.metrics.source: Unsupported value: "prometheus": supported values: "PodScrape", "Prometheus"',
    ),
    # Terms
    "throughput without target": by_schema(
        {"scaling": {"tokenThroughput": {}}}, "spec.scaling.tokenThroughput.targetPerReplica: Required value"
    ),
    "target of zero": by_schema(
        {"scaling": {"tokenThroughput": {"targetPerReplica": 0}}},
        'targetPerReplica: Invalid value: "": 0 is not a number above zero, at most a billion',
    ),
    "negative target": by_schema(
        {"scaling": {"tokenThroughput": {"targetPerReplica": "-1"}}}, "-1 is not a number above zero"
    ),
    "huge target": by_schema(
        {"scaling": {"tokenThroughput": {"targetPerReplica": 1_000_000_001}}}, "1000000001 is not a number above zero"
    ),
    "target in words": by_schema(
        {"scaling": {"tokenThroughput": {"targetPerReplica": "half"}}},
        'spec.scaling.tokenThroughput.targetPerReplica: Invalid value: "": half is not a number above zero, at most a '
        "billion: write an integer, or a string such as '0.5', '500m' or '12k'",
    ),
    "queue target in words": by_schema(
        {"scaling": {"queueDepth": {"targetPerReplica": "few"}}}, "few is not a number above zero"
    ),
    "drain in no time": by_schema({"scaling": {"queueDepth": {"drainSeconds": 0}}}, "drainSeconds: Invalid value: 0"),
    "drain in hours": by_schema(
        {"scaling": {"queueDepth": {"drainSeconds": 3601}}}, "should be less than or equal to 3600"
    ),
    "an empty KV cache": by_schema(
        {"scaling": {"kvCache": {"targetPercent": 0}}},
        "spec.scaling.kvCache.targetPercent in body should be greater than or equal to 1",
    ),
    "more than a full KV cache": by_schema(
        {"scaling": {"kvCache": {"targetPercent": 101}}},
        "spec.scaling.kvCache.targetPercent in body should be less than or equal to 100",
    ),
    # Promises
    "a promise without a time": by_schema(
        {"scaling": {"objectives": {"timeToFirstToken": {"percentile": 95}}}},
        "spec.scaling.objectives.timeToFirstToken.milliseconds: Required value",
    ),
    "a promise of no time": by_schema(
        {"scaling": {"objectives": {"interTokenLatency": {"milliseconds": 0}}}},
        "spec.scaling.objectives.interTokenLatency.milliseconds in body should be greater than or equal to 1",
    ),
    "a promise to everybody": by_schema(
        {"scaling": {"objectives": {"timeToFirstToken": {"percentile": 100, "milliseconds": 2000}}}},
        "spec.scaling.objectives.timeToFirstToken.percentile in body should be less than or equal to 99",
    ),
    "a promise to the few": by_schema(
        {"scaling": {"objectives": {"timeToFirstToken": {"percentile": 49, "milliseconds": 2000}}}},
        "spec.scaling.objectives.timeToFirstToken.percentile in body should be greater than or equal to 50",
    ),
    # Schedules
    "two schedules of a name": Refused(
        scheduled({}, {"minReplicas": 4}),
        'spec.scaling.schedules[1]: Duplicate value: {"name":"office"}',
    ),
    "a schedule above the maximum": Refused(
        scheduled({"minReplicas": 9}),
        'spec.scaling.schedules: Invalid value: "object": minReplicas of a schedule is above maxReplicas: lower it, or '
        "raise maxReplicas",
    ),
    "a schedule of nothing": by_schema(scheduled({"minReplicas": 0}), "minReplicas in body should be greater than or"),
    "a schedule without a time zone": by_schema(scheduled({"timeZone": None}), "schedules[0].timeZone: Required value"),
    "a schedule with a time zone in words": by_schema(
        scheduled({"timeZone": "Central Europe"}), "spec.scaling.schedules[0].timeZone in body should match"
    ),
    "a schedule that begins when it ends": Refused(
        scheduled({"end": "0 8 * * 1-5"}),
        'spec.scaling.schedules[0].end: Invalid value: "object": start and end are the same: the span would never end; '
        "give end another time, or use scaling.minReplicas",
    ),
    "a schedule at a word": Refused(
        scheduled({"start": "@daily"}),
        'spec.scaling.schedules[0].start: Invalid value: "string": @daily is not a cron expression: give five fields, '
        "minute, hour, day of month, month and day of week, for example '0 8 * * 1-5'",
    ),
    "a schedule with seconds": Refused(scheduled({"end": "0 0 18 * * 1-5"}), "0 0 18 * * 1-5 is not a cron expression"),
    "seventeen schedules": by_schema(
        scheduled(*({"name": f"s{number}"} for number in range(17))),
        "spec.scaling.schedules: Too many: 17: must have at most 16 items",
    ),
    "negative tolerance": by_schema(
        {"scaling": {"behavior": {"scaleUp": {"tolerance": "-0.1"}}}},
        "-0.1 is not a number, or is negative, or above a billion: write an integer, or a string such as '0.1' or "
        "'100m'",
    ),
    # Pin
    "negative pin": by_schema({"replicas": -1}, "spec.replicas in body should be greater than or equal to 0"),
    "huge pin": by_schema({"replicas": 1001}, "spec.replicas in body should be less than or equal to 1000"),
    # What runs
    "neither engine nor targetRef": Refused(
        {"engine": None},
        "give exactly one of engine (Tidegate runs the pods) and targetRef (it scales a Deployment that exists)",
    ),
    "both engine and targetRef": Refused(
        {"targetRef": TARGET["targetRef"]}, "give exactly one of engine (Tidegate runs the pods) and targetRef"
    ),
    "targetRef with accelerator": Refused(
        {**TARGET, "accelerator": {"profile": "l4"}},
        'spec.targetRef: Invalid value: "object": template and accelerator are for pods that Tidegate runs: remove '
        "them, or use engine instead of targetRef",
    ),
    "targetRef with template": Refused(
        {**TARGET, "template": {}}, "template and accelerator are for pods that Tidegate"
    ),
    "targetRef to another kind": by_schema(
        {"engine": None, "targetRef": {**TARGET["targetRef"], "kind": "StatefulSet"}},
        'spec.targetRef.kind: Unsupported value: "StatefulSet": supported values: "Deployment"',
    ),
    "targetRef without engine": by_schema(
        {"engine": None, "targetRef": {"name": "old"}}, "spec.targetRef.engine: Required value"
    ),
    "no model": by_schema({"model": None}, "spec.model: Required value"),
    "empty model name": by_schema({"model": {"name": ""}}, "spec.model.name in body should be at least 1 chars long"),
    # Engine
    "unknown engine": by_schema(
        {"engine": {"type": "ollama"}},
        'spec.engine.type: Unsupported value: "ollama": supported values: "vLLM", "SGLang", "TGI", "TensorRTLLM", '
        '"Triton", "LMDeploy", "llamaCpp", "TEI", "Infinity", "Ollama", "Custom"',
    ),
    "unknown engine of a target": by_schema(
        {"engine": None, "targetRef": {"name": "old", "engine": {"type": "ollama"}}},
        'spec.targetRef.engine.type: Unsupported value: "ollama"',
    ),
    "port 0": by_schema({"engine": {"port": 0}}, "spec.engine.port in body should be greater than or equal to 1"),
    "port 70000": by_schema(
        {"engine": {"port": 70000}}, "spec.engine.port in body should be less than or equal to 65535"
    ),
    "metrics port 70000": by_schema({"engine": {"metrics": {"port": 70000}}}, "spec.engine.metrics.port in body"),
    "relative metrics path": by_schema(
        {"engine": {"metrics": {"path": "metrics"}}}, "spec.engine.metrics.path in body"
    ),
    "image with a blank": by_schema({"engine": {"image": "a b"}}, "spec.engine.image in body should match"),
    "no time to start": by_schema({"engine": {"startupTimeoutSeconds": 0}}, "should be greater than or equal to 10"),
    "Custom without port": Refused(
        {"engine": {**CUSTOM, "port": None}},
        'spec.engine.port: Invalid value: "object": port is required when type is Custom: no default is known',
    ),
    "Custom without names": Refused(
        {"engine": {"type": "Custom", "port": 80}},
        'spec.engine.metrics: Invalid value: "object": metrics.names is required when type is Custom: name the '
        "engine's metrics",
    ),
    "Custom with no name": Refused(
        {"engine": {"type": "Custom", "port": 80, "metrics": {"names": {}}}},
        "metrics.names is empty: name at least one metric, for example waiting: my_engine_queue_length",
    ),
    "Custom of a target, without names": Refused(
        {"engine": None, "targetRef": {"name": "old", "engine": {"type": "Custom", "port": 80}}},
        'spec.targetRef.engine.metrics: Invalid value: "object": metrics.names is required when type is Custom',
    ),
    "metric name with a blank": by_schema(
        {"engine": {"type": "Custom", "port": 80, "metrics": {"names": {"waiting": "a b"}}}},
        "spec.engine.metrics.names.waiting in body should match",
    ),
    "a unit that nothing counts": Refused(
        {"engine": {**CUSTOM, "metrics": {"workUnit": "images", "names": {"waiting": "a"}}}},
        'spec.engine.metrics.workUnit: Invalid value: "object": metrics.workUnit needs a counter: name it in '
        "metrics.names.workDone, or count in tokens or requests",
    ),
    "requests that nothing counts": Refused(
        {"engine": {**CUSTOM, "metrics": {"workUnit": "requests", "names": {"waiting": "a"}}}},
        "metrics.workUnit is requests, but nothing counts them: name metrics.names.requestsReceived, requestsEnded or "
        "requestsFinished",
    ),
    "names for a known engine": Refused(
        {"engine": {"metrics": {"names": {"waiting": "a"}}}},
        "metrics.names is for type Custom only: the names of this engine's metrics are known; remove metrics.names",
    ),
    "a unit for a known engine": Refused(
        {"engine": {"metrics": {"workUnit": "images"}}},
        "metrics.workUnit is for type Custom, and requests for Triton: the unit of this engine is known; remove it",
    ),
    # Accelerator
    "no accelerators": by_schema(
        {"accelerator": {"profile": "l4", "count": 0}},
        "spec.accelerator.count in body should be greater than or equal to 1",
    ),
    "too many accelerators": by_schema(
        {"accelerator": {"profile": "l4", "count": 65}},
        "spec.accelerator.count in body should be less than or equal to 64",
    ),
    "fraction and memory": Refused(
        {"accelerator": {"profile": "l4", "fraction": "0.5", "memory": "10Gi"}},
        "fraction and memory both say how much of a device: keep one of them",
    ),
    "no fraction": Refused({"accelerator": {"profile": "l4", "fraction": "0"}}, "0 is not a fraction: write a string"),
    "no fraction, at length": Refused({"accelerator": {"profile": "l4", "fraction": "0.00"}}, "0.00 is not a fraction"),
    "more than one": Refused({"accelerator": {"profile": "l4", "fraction": "1.5"}}, "1.5 is not a fraction"),
    "half": Refused(
        {"accelerator": {"profile": "l4", "fraction": "half"}},
        "half is not a fraction: write a string above 0 and up to 1 with at most two decimals, such as '0.5' or '0.33'",
    ),
    "a third to ten decimals": Refused(
        {"accelerator": {"profile": "l4", "fraction": "0.3333333333"}}, "0.3333333333 is not a fraction"
    ),
    "a fraction that is a number": by_schema(
        {"accelerator": {"profile": "l4", "fraction": 0.5}}, "spec.accelerator.fraction in body must be of type string"
    ),
    "memory in words": Refused(
        {"accelerator": {"profile": "l4", "memory": "much"}},
        "much is not an amount of memory from 64Mi to 4Ti: write a number with its unit, such as 10Gi",
    ),
    "memory without a unit": Refused(
        {"accelerator": {"profile": "l4", "memory": "10"}}, "10 is not an amount of memory"
    ),
    "negative memory": Refused(
        {"accelerator": {"profile": "l4", "memory": "-10Gi"}}, "-10Gi is not an amount of memory"
    ),
    "an unknown placement": by_schema(
        {"accelerator": {"profile": "l4", "placement": "Stack"}}, 'placement: Unsupported value: "Stack"'
    ),
    "accelerator without profile": by_schema({"accelerator": {"count": 1}}, "spec.accelerator.profile: Required value"),
    # Variants
    "a variant called default": Refused(
        varied({"name": "default"}),
        'spec.variants[0].name: Invalid value: "object": default is the variant that spec.engine and spec.accelerator '
        "describe: give this one another name",
    ),
    "two variants of a name": Refused(varied({}, {}), 'spec.variants[1]: Duplicate value: {"name":"cpu"}'),
    "nine variants": by_schema(
        varied(*({"name": f"v{number}"} for number in range(9))),
        "spec.variants: Too many: 9: must have at most 8 items",
    ),
    "a variant without a name": by_schema({"variants": [{}]}, "spec.variants[0].name: Required value"),
    "a variant with a long name": by_schema(
        varied({"name": "twenty-one-characters"}), "spec.variants[0].name: Too long: may not be more than 20 bytes"
    ),
    "a variant in upper case": by_schema(varied({"name": "CPU"}), "spec.variants[0].name in body should match"),
    "a variant's minimum above its maximum": Refused(
        varied({"minReplicas": 3, "maxReplicas": 2}),
        'spec.variants[0].minReplicas: Invalid value: "object": minReplicas is above maxReplicas: lower minReplicas, '
        "or raise maxReplicas",
    ),
    "a variant of none at most": by_schema(
        varied({"maxReplicas": 0}), "spec.variants[0].maxReplicas in body should be greater than or equal to 1"
    ),
    "a variant at a price in words": by_schema(
        varied({"costPerHour": "cheap"}),
        'spec.variants[0].costPerHour: Invalid value: "": cheap is not a number, or is negative',
    ),
    "a variant of a share that is none": Refused(
        varied({"accelerator": {"profile": "l4", "fraction": "half"}}), "half is not a fraction: write a string"
    ),
    **{
        f"a variant with a fraction of {text}": Refused(
            varied({"accelerator": {"profile": "l4", "fraction": text}}),
            f'spec.variants[0].accelerator.fraction: Invalid value: "string": {text} is not a fraction: write a string '
            "above 0 and up to 1 with at most two decimals, such as '0.5' or '0.33'",
        )
        for text in ("0", "1.5", "0.3333333333", "-0.5", "50%")
    },
    "a variant with a fraction that is a number": by_schema(
        varied({"accelerator": {"profile": "l4", "fraction": 0.5}}),
        "spec.variants[0].accelerator.fraction in body must be of type string",
    ),
    "a variant with fraction and memory": Refused(
        varied({"accelerator": {"profile": "l4", "fraction": "0.5", "memory": "10Gi"}}),
        'spec.variants[0].accelerator.fraction: Invalid value: "object": fraction and memory both say how much of a '
        "device: keep one of them",
    ),
    "a variant with memory in words": Refused(
        varied({"accelerator": {"profile": "l4", "memory": "much"}}),
        'spec.variants[0].accelerator.memory: Invalid value: "string": much is not an amount of memory from 64Mi to '
        "4Ti: write a number with its unit, such as 10Gi",
    ),
    "a variant with no accelerators": by_schema(
        varied({"accelerator": {"profile": "l4", "count": 0}}),
        "spec.variants[0].accelerator.count in body should be greater than or equal to 1",
    ),
    "a variant with an accelerator of no profile": by_schema(
        varied({"accelerator": {"fraction": "0.5"}}), "spec.variants[0].accelerator.profile: Required value"
    ),
    "a variant on spot nodes in words": by_schema(
        varied({"accelerator": {"profile": "l4", "spot": "maybe"}}),
        "spec.variants[0].accelerator.spot in body must be of type boolean",
    ),
    "our label in a variant": Refused(
        varied({"template": {"metadata": {"labels": {"inference.tidegate.dev/variant": "other"}}}}),
        'spec.variants[0].template.metadata.labels: Invalid value: "object": labels under inference.tidegate.dev/ are '
        "taken: selectors are made of them; remove them from the template",
    ),
    "variants of a target": Refused(
        varied({}, **TARGET),
        'spec.variants: Invalid value: "object": variants need the gateway, which shares requests out among them: set '
        "routing.mode to Gateway, and use engine instead of targetRef",
    ),
    "variants past the gateway": Refused(
        varied({}, routing={"mode": "Direct"}), "variants need the gateway, which shares requests out among them"
    ),
    "variants without a gateway": Refused(
        varied({}, routing={"mode": "None"}), "variants need the gateway, which shares requests out among them"
    ),
    # Money
    "a negative price": by_schema(
        {"costPerHour": "-1"}, 'spec.costPerHour: Invalid value: "": -1 is not a number, or is negative'
    ),
    "a budget in words": by_schema(
        {"scaling": {"budget": {"maxCostPerHour": "little"}}},
        'spec.scaling.budget.maxCostPerHour: Invalid value: "": little is not a number above zero, at most a billion: '
        "write an integer, or a string such as '0.5', '500m' or '12k'",
    ),
    "a budget of nothing": by_schema(
        {"scaling": {"budget": {"maxCostPerHour": 0}}}, "0 is not a number above zero, at most a billion"
    ),
    "a budget without a number": by_schema(
        {"scaling": {"budget": {}}}, "spec.scaling.budget.maxCostPerHour: Required value"
    ),
    "others step in at once": by_schema(
        {"scaling": {"fallbackAfterSeconds": 5}},
        "spec.scaling.fallbackAfterSeconds in body should be greater than or equal to 10",
    ),
    "others step in after days": by_schema(
        {"scaling": {"fallbackAfterSeconds": 100_000}},
        "spec.scaling.fallbackAfterSeconds in body should be less than or equal to 86400",
    ),
    # Template
    "two engine containers": Refused(
        {"template": {"spec": {"containers": [{"name": "engine"}, {"name": "engine", "image": "x"}]}}},
        'spec.template.spec.containers[1]: Duplicate value: {"name":"engine"}',
    ),
    "two sidecars of a name": Refused(
        {"template": {"spec": {"containers": [{"name": "proxy"}, {"name": "engine"}, {"name": "proxy"}]}}},
        'spec.template.spec.containers[2]: Duplicate value: {"name":"proxy"}',
    ),
    "container without name": by_schema(
        {"template": {"spec": {"containers": [{"image": "x"}]}}},
        "spec.template.spec.containers[0].name: Required value",
    ),
    "our label": Refused(
        {"template": {"metadata": {"labels": {"inference.tidegate.dev/service": "other"}}}},
        'spec.template.metadata.labels: Invalid value: "object": labels under inference.tidegate.dev/ are taken: '
        "selectors are made of them; remove them from the template",
    ),
    "label value with a blank": by_schema(
        {"template": {"metadata": {"labels": {"team": "a b"}}}},
        "spec.template.metadata.labels.team in body should match",
    ),
}
"""Of an InferenceService."""

EXCHANGES = {
    "an engine for a target": (
        {},
        TARGET,
        "engine and targetRef cannot be exchanged for one another: pods and Service would change hands under traffic; ",
    ),
    "a target for an engine": (
        TARGET,
        {"engine": {"type": "vLLM", "image": "i"}, "targetRef": None},
        "engine and targetRef cannot be exchanged for one another",
    ),
}
"""A change of the least spec that is there -> a change of it that is refused -> the message."""

PROFILES = {
    "no resource": by_schema({"resourceName": None}, "spec.resourceName: Required value"),
    "a resource without domain": by_schema({"resourceName": "gpu"}, "spec.resourceName in body should match"),
    "label value with a blank": by_schema(
        {"nodeLabels": {"nvidia.com/gpu.product": "NVIDIA L4"}},
        "spec.nodeLabels.nvidia.com/gpu.product in body should match",
    ),
    "label value of spot nodes with a blank": by_schema(
        {"spotNodeLabels": {"capacity-type": "on demand"}}, "spec.spotNodeLabels.capacity-type in body should match"
    ),
    "toleration of every value of no key": Refused(
        {"tolerations": [{"effect": "NoSchedule"}]},
        "key is required when operator is Equal: name the taint's key, or set operator to Exists",
    ),
    "toleration of a value, whatever it is": Refused(
        {"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]},
        'spec.tolerations[0].value: Invalid value: "object": value is for operator Equal: remove it, or set operator '
        "to Equal",
    ),
    "toleration for a time of what evicts nobody": Refused(
        {"tolerations": [{"key": "a", "effect": "NoSchedule", "tolerationSeconds": 5}]},
        "tolerationSeconds is for effect NoExecute: remove it, or set effect to NoExecute",
    ),
    "toleration of an unknown effect": by_schema(
        {"tolerations": [{"key": "a", "effect": "NoRun"}]}, 'Unsupported value: "NoRun"'
    ),
    "an unknown mechanism": by_schema(
        {"sharing": {"mechanism": "Magic"}},
        'spec.sharing.mechanism: Unsupported value: "Magic": supported values: "Whole"',
    ),
    "an unknown vendor": by_schema({"vendor": "Acme"}, 'spec.vendor: Unsupported value: "Acme"'),
    "products of no vendor": Refused(
        {"products": ["NVIDIA-L4"]},
        "products are found by the labels of a vendor: set vendor, or use nodeLabels instead",
    ),
    "memory of a card in words": Refused({"memory": "a lot"}, "a lot is not an amount of memory"),
    "slices of a card of unknown memory": Refused(
        {"sharing": {"mechanism": "MIG"}},
        "memory is required with this sharing.mechanism: shares are found by it; say how much a device has",
    ),
    "parts of unknown number": Refused(
        {"sharing": {"mechanism": "Partitions"}},
        "replicas is required with this mechanism: say how many shares a device has",
    ),
    "shares of unknown number, by no labels": Refused(
        {"sharing": {"mechanism": "TimeSlicing"}},
        "sharing.replicas is required where vendor is not NVIDIA: say how many shares a device has",
    ),
    "one share": by_schema(
        {"sharing": {"mechanism": "MPS", "replicas": 1}},
        "spec.sharing.replicas in body should be greater than or equal",
    ),
    "replicas of what has none": Refused(
        {"sharing": {"mechanism": "HAMi", "replicas": 4}},
        "replicas is for mechanisms with shares of one size (TimeSlicing, MPS, Partitions, Cores, "
        "SharedDevices): remove it, or choose one of those",
    ),
    "renamed whole devices": Refused(
        {"sharing": {"renamed": True}}, "renamed is for TimeSlicing and MPS: remove it, or choose one of those"
    ),
    "MIG sizes of something else": Refused(
        {"sharing": {"mechanism": "HAMi", "migSizes": ["1g.10gb"]}},
        "migStrategy and migSizes are for MIG and DRAMIG: remove them, or choose one of those",
    ),
    "a MIG size in words": by_schema(
        {"memory": "80Gi", "sharing": {"mechanism": "MIG", "migSizes": ["small"]}}, "spec.sharing.migSizes[0] in body"
    ),
    "Single of several sizes": Refused(
        {
            "memory": "80Gi",
            "sharing": {"mechanism": "MIG", "migStrategy": "Single", "migSizes": ["1g.10gb", "2g.20gb"]},
        },
        "migStrategy Single has slices of one size: give exactly that one in migSizes, for example 1g.10gb",
    ),
    "a price in words": by_schema({"costPerHour": "cheap"}, "cheap is not a number, or is negative"),
    "a price above a billion": by_schema({"costPerHour": "1e999"}, "1e999 is not a number, or is negative, or above a"),
    "a negative price": by_schema({"spotCostPerHour": "-1"}, "-1 is not a number, or is negative"),
    "runtime class in upper case": by_schema(
        {"runtimeClassName": "Nvidia"}, "spec.runtimeClassName in body should match"
    ),
}
"""Of an AcceleratorProfile, as changes of one with a resourceName."""
