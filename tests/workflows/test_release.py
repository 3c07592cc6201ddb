import json

import pytest

from workflows.errors import RepositoryError, StoreError, UsageError
from workflows.overlay import read_models
from workflows.release import release

V1, V2, V3 = "20261122143000", "20261122150000", "20261122160000"


def test_a_release_is_one_commit_with_the_trailers_of_its_manifest(remote, manifest_of):
    """Subject, trailers and overlay say the same version; nothing else in the tree changes."""
    manifest = manifest_of(V1)

    done = release(str(remote), "dev", manifest)

    assert done.commit is not None
    assert [f"Release digits {V1} to dev"] == remote.subjects()
    assert {
        "Model": "digits",
        "Version": V1,
        "Model-Digest": manifest["digest"],
        "Data-Digest": manifest["data_digest"],
        "Source-Commit": "c" * 40,
        "Workflow": f"train-digits-{V1}",
        "Workflow-Uid": f"uid-{V1}",
        "Metrics": '{"accuracy":0.98,"loss":0.1}',
    } == dict(done.commit.trailers)
    assert "kustomize/overlays/dev/kustomization.yaml" == remote.git("diff", "--name-only", "main~1", "main")
    assert {"digits": (V1, manifest["digest"])} == {
        name: (pin.version, pin.digest) for name, pin in read_models(remote.overlay("dev"), "dev").items()
    }


def test_the_trailers_are_what_git_itself_reads(remote, manifest_of):
    """`git interpret-trailers` parses the message."""
    release(str(remote), "dev", manifest_of(V1))

    assert "digits" == remote.git("log", "-1", "--format=%(trailers:key=Model,valueonly)", "main")
    assert {"accuracy": 0.98, "loss": 0.1} == json.loads(
        remote.git("log", "-1", "--format=%(trailers:key=Metrics,valueonly)", "main")
    )


def test_a_release_again_makes_no_second_commit(remote, manifest_of):
    """A retried step is told so."""
    release(str(remote), "dev", manifest_of(V1))

    again = release(str(remote), "dev", manifest_of(V1))

    assert again.commit is None
    assert again.earlier
    assert remote.git("rev-parse", "main") == again.earlier.id
    assert f"digits {V1} was already released to dev in commit {remote.git('rev-parse', 'main')[:12]}" == again.message
    assert 1 == len(remote.subjects())


def test_an_older_version_that_comes_late_leaves_the_newer_one(remote, manifest_of):
    """The loser of a race between two runs does not take dev back."""
    release(str(remote), "dev", manifest_of(V2))

    late = release(str(remote), "dev", manifest_of(V1))

    assert late.commit is None
    assert f"dev runs digits {V2}, newer than {V1}: kept" == late.message


def test_two_models_live_in_one_overlay(remote, manifest_of):
    """Each release leaves the other's entry."""
    release(str(remote), "dev", manifest_of(V2))
    release(str(remote), "dev", manifest_of(V1, "cancer"))

    assert ["digits", "cancer"] == list(read_models(remote.overlay("dev"), "dev"))


@pytest.mark.parametrize(
    ("environment", "model", "words"),
    [
        ("nowhere", "digits", "no environment nowhere: kustomize/overlays has dev, prod, staging"),
        ("dev", "flowers", "no kustomize/models/flowers/kustomization.yaml: add it; the others are cancer"),
        ("../dev", "digits", "an environment is a folder of kustomize/overlays"),
    ],
)
def test_a_release_names_what_it_does_not_know(remote, manifest_of, environment, model, words):
    """An unknown environment or model is answered with the known ones."""
    with pytest.raises(UsageError, match=words):
        release(str(remote), environment, manifest_of(V1, model))


def test_an_incomplete_manifest_is_refused(remote):
    """The fields that it lacks are named."""
    with pytest.raises(StoreError, match="lacks digest, data_digest"):
        release(str(remote), "dev", {"model": "digits", "version": V1})


def test_a_version_with_another_digest_is_refused(remote, manifest_of):
    """A version is never two things."""
    release(str(remote), "dev", manifest_of(V1))

    with pytest.raises(RepositoryError, match="a version is never made twice"):
        release(str(remote), "dev", manifest_of(V1) | {"digest": "sha256:" + "0" * 64})


def test_on_a_cluster_the_overlay_names_the_image(remote, manifest_of):
    """The image's digest goes into the overlay, the model's stays in the trailers."""
    image = "sha256:" + "5" * 64

    done = release(str(remote), "dev", manifest_of(V1), digest=image)

    assert image == read_models(remote.overlay("dev"), "dev")["digits"].digest
    assert manifest_of(V1)["digest"] == done.commit.trailers["Model-Digest"]
