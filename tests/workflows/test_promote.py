import pytest

from workflows.errors import UsageError
from workflows.overlay import read_models
from workflows.promote import promote
from workflows.release import release

V1, V2, V3 = "20261122143000", "20261122150000", "20261122160000"


@pytest.fixture(scope="module")
def prepared(seed, tmp_path_factory, copy_remote, manifest_of):
    """A remote whose dev ran two versions of digits, one after the other."""
    remote = copy_remote(seed, tmp_path_factory.mktemp("prepared"))
    release(str(remote), "dev", manifest_of(V1))
    release(str(remote), "dev", manifest_of(V2))
    return remote


@pytest.fixture
def released(prepared, tmp_path, copy_remote):
    """A copy of it of the test's own."""
    return copy_remote(prepared.path, tmp_path)


def version(remote, environment: str) -> str | None:
    """What runs of digits in an environment."""
    pin = read_models(remote.overlay(environment), environment).get("digits")
    return pin.version if pin else None


def test_a_promotion_copies_the_entry_of_the_environment_before(released, manifest_of):
    """From dev to staging to prod, one commit each, with the trailers of the release."""
    done = [promote(str(released), "digits", to).commit for to in ("staging", "prod")]

    assert [f"Promote digits {V2} to prod", f"Promote digits {V2} to staging"] == released.subjects()[:2]
    assert [V2, V2, V2] == [version(released, name) for name in ("dev", "staging", "prod")]
    assert [manifest_of(V2)["digest"]] * 2 == [commit.trailers["Model-Digest"] for commit in done]
    assert manifest_of(V2)["digest"] == read_models(released.overlay("prod"), "prod")["digits"].digest


def test_only_the_one_overlay_changes(released):
    """One file for each promotion."""
    promote(str(released), "digits", "staging")

    assert "kustomize/overlays/staging/kustomization.yaml" == released.git("diff", "--name-only", "main~1", "main")


def test_a_promotion_again_has_nothing_to_do(released):
    """And says so."""
    promote(str(released), "digits", "staging")

    again = promote(str(released), "digits", "staging")

    assert (None, f"staging already runs digits {V2}: nothing to promote") == (again.commit, again.message)
    assert 3 == len(released.subjects())


def test_an_environment_can_be_skipped_by_name(released):
    """From dev to prod at once."""
    promote(str(released), "digits", "prod", source="dev")

    assert [None, V2] == [version(released, "staging"), version(released, "prod")]


def test_an_older_version_of_the_environment_before_can_be_named(released):
    """It has to have run there."""
    promote(str(released), "digits", "staging", version=V1)

    assert V1 == version(released, "staging")
    with pytest.raises(UsageError, match=f"digits {V3} was never released to dev: the newest there are {V2}, {V1}"):
        promote(str(released), "digits", "staging", version=V3)


def test_dev_takes_any_version_that_ran_anywhere(released):
    """The way forth again after a roll back; without a version there is nothing before dev."""
    promote(str(released), "digits", "dev", version=V1)

    assert V1 == version(released, "dev")
    with pytest.raises(UsageError, match="no environment comes before dev"):
        promote(str(released), "digits", "dev")


@pytest.mark.parametrize(
    ("model", "to", "words"),
    [
        ("digits", "prod", "staging runs no digits: it runs no model yet"),
        ("cancer", "staging", "dev runs no cancer: it runs digits"),
        ("flowers", "staging", "no kustomize/models/flowers/kustomization.yaml"),
        ("digits", "moon", "no environment moon: kustomize/overlays has dev, prod, staging"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(released, model, to, words):
    """Unknown models and environments, and what nobody has released."""
    with pytest.raises(UsageError, match=words):
        promote(str(released), model, to)


def test_a_version_that_a_hand_wrote_is_promoted_with_what_is_known(released, tmp_path):
    """No release commit says its metrics."""
    text = released.overlay("dev").replace(V2, V3) + "\n"
    released.commit(released.clone(tmp_path / "c"), "kustomize/overlays/dev/kustomization.yaml", text, "By hand")

    done = promote(str(released), "digits", "staging")

    assert {"Model": "digits", "Version": V3} == dict(done.commit.trailers)
