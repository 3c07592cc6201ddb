from workflows.history import environments, events, release_trailers
from workflows.release import release
from workflows.repository import Repository

V1, V2 = "20261122143000", "20261122150000"


def test_environments_are_in_the_order_of_promotion(remote, tmp_path):
    """One that names no known environment before it comes too; a circle hides none."""
    clone = remote.clone(tmp_path / "clone")
    for name, before in (("canary", "staging"), ("left", "right"), ("right", "left")):
        text = f"metadata:\n  annotations:\n    shipway.dev/promoted-from: {before}\n"
        remote.commit(clone, f"kustomize/overlays/{name}/kustomization.yaml", text, name)

    found = environments(Repository.open(remote.path), "main")

    assert {"canary", "dev", "left", "prod", "right", "staging"} == set(found)
    assert found.index("dev") < found.index("staging") < min(found.index("prod"), found.index("canary"))


def test_events_are_the_commits_that_changed_the_model(remote, manifest_of):
    """Not those that changed another."""
    for version, model in ((V1, "digits"), (V1, "cancer"), (V2, "digits")):
        release(str(remote), "dev", manifest_of(version, model))
    repository = Repository.open(remote.path)

    found = list(events(repository, "main", "dev", "digits"))

    assert [(V2, f"Release digits {V2} to dev"), (V1, f"Release digits {V1} to dev")] == [
        (event.pin.version, event.commit.subject) for event in found
    ]


def test_the_trailers_of_a_version_are_those_of_its_release(remote, manifest_of):
    """In the order of the commit message; a version that nobody released has its name only."""
    done = release(str(remote), "dev", manifest_of(V1))
    repository = Repository.open(remote.path)

    assert list(done.commit.trailers.items()) == list(release_trailers(repository, "main", "digits", V1).items())
    assert {"Model": "digits", "Version": V2} == release_trailers(repository, "main", "digits", V2)
