"""What a gateway says of itself on its metrics page."""

import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from gateway_rig.gateway import Gateway

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def gateway_value(gateway: Gateway, series: str, **labels: str) -> float:
    """A series of a gateway's page, summed over the labels that are not given; 0.0 where there is none.

    Raises:
        OSError: It does not answer.
    """
    with _DIRECT.open(f"http://{gateway.address}:{gateway.metrics_port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == series and labels.items() <= sample.labels.items()
    )
