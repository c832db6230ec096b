"""What the chart brings besides the operator."""

from helm_release import Release


def test_helm_test_passes(release: Release) -> None:
    """The chart's own tests, as its users run them."""
    assert "Phase:          Succeeded" in release.run("test", release.name, "--timeout=90s")
