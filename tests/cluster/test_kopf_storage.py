import kopf

from tidegate.cluster.feed import quiet_settings

DOCUMENT = {
    "metadata": {"name": "chat", "annotations": {"kopf.zalando.org/last-handled-configuration": '{"spec":{}}\n'}},
    "spec": {"replicas": 2},
}


def test_kopf_compares_and_copies_no_object() -> None:
    """At each event kopf asks what an object was and is, and compares the answers: both are empty, whatever it has."""
    settings, body = quiet_settings(), kopf.Body(DOCUMENT)

    essence = settings.persistence.diffbase_storage.build(body=body, extra_fields={("status",)})

    assert settings.persistence.diffbase_storage.fetch(body=body) is None
    assert settings.persistence.progress_storage.clear(essence=essence) is essence
    assert essence == {}


def test_kopf_keeps_nothing_of_its_own_in_objects() -> None:
    """Whatever kopf would remember of an object, its patch of that object stays empty."""
    persistence, body, patch = quiet_settings().persistence, kopf.Body(DOCUMENT), kopf.Patch()

    persistence.diffbase_storage.store(body=body, patch=patch, essence=kopf.BodyEssence())
    persistence.progress_storage.store(key="handler", record=kopf.ProgressRecord(), body=body, patch=patch)
    persistence.progress_storage.touch(body=body, patch=patch, value="now")
    persistence.progress_storage.purge(key="handler", body=body, patch=patch)

    assert persistence.progress_storage.fetch(key="handler", body=body) is None
    assert not patch
