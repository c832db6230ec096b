import pytest

from tidegate.metrics.prometheus_options import PrometheusOptions

URL = "http://prometheus:9090"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        (URL, "prometheus:9090"),
        ("https://mimir.example.com/prometheus", "mimir.example.com"),
        ("http://[fd00::1]:9090/", "[fd00::1]:9090"),
    ],
)
def test_what_people_see_of_an_address_is_its_host(url: str, host: str) -> None:
    """Messages name host and port."""
    assert PrometheusOptions(url=url).host == host


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"url": "http://me:secret@prometheus"}, "--prometheus-url: it has a user or a password in it"),
        ({"url": "me:secret@prometheus:9090"}, "--prometheus-header Authorization=FILE"),
        ({"url": "prometheus:9090"}, "'prometheus:9090' is no http or https URL; give one like http://"),
        ({"url": "ftp://prometheus"}, "no http or https URL"),
        ({"url": "http://"}, "no http or https URL"),
        ({"url": "http://prometheus:port"}, "--prometheus-url: it cannot be read"),
        ({"url": "http://[prometheus"}, "--prometheus-url: it cannot be read"),
        ({"url": f"{URL}/api/v1"}, "leave out /api/v1"),
        ({"url": f"{URL}/api/v1/query"}, "leave out /api/v1"),
        ({"url": f"{URL}?token=1"}, "leave out what comes after '?'"),
        ({"url": URL, "client_certificate_file": "a"}, "both --prometheus-client-certificate-file and"),
        ({"url": URL, "client_key_file": "a"}, "both --prometheus-client-certificate-file and"),
        ({"url": URL, "insecure_skip_verify": True, "ca_file": "a"}, "makes --prometheus-ca-file useless"),
        ({"url": URL, "matchers": (("", "eu"),)}, "--prometheus-matcher: '' is no label's name"),
        ({"url": URL, "matchers": (("a-b", "eu"),)}, "--prometheus-matcher: 'a-b' is no label's name"),
        ({"url": URL, "headers": (("A:B", "f"),)}, "--prometheus-header: 'A:B' is no header's name"),
        (
            {"url": URL, "headers": (("authorization", "f"),), "bearer_token_file": "t"},
            "exclude each other: give one",
        ),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], says: str) -> None:
    """Each mistake is told by the name of its flag, and no message repeats a password."""
    with pytest.raises(ValueError, match="--prometheus-") as raised:
        PrometheusOptions(**options)  # type: ignore[arg-type]
    assert says in str(raised.value)
    assert "secret" not in str(raised.value)
