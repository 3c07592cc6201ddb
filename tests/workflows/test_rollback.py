import pytest

from workflows.errors import RefusedError, UsageError
from workflows.overlay import Pin, read_models
from workflows.promote import promote
from workflows.release import release
from workflows.rollback import _before, rollback

V1, V2, V3 = "20261122143000", "20261122150000", "20261122160000"


@pytest.fixture(scope="module")
def prepared(seed, tmp_path_factory, copy_remote, manifest_of):
    """A remote whose dev ran three versions of digits, one after the other."""
    remote = copy_remote(seed, tmp_path_factory.mktemp("prepared"))
    for version in (V1, V2, V3):
        release(str(remote), "dev", manifest_of(version))
    return remote


@pytest.fixture
def released(prepared, tmp_path, copy_remote):
    """A copy of it of the test's own."""
    return copy_remote(prepared.path, tmp_path)


def runs(remote, environment="dev", model="digits") -> str:
    """The version of a model that an environment runs."""
    return read_models(remote.overlay(environment), environment)[model].version


def test_a_roll_back_restores_the_version_before(released, manifest_of):
    """One commit, with that version's trailers and the one that it takes back; the overlay is that of before."""
    done = rollback(str(released), "digits", "dev")

    expected = {"Version": V2, "Rolls-Back": V3, "Model-Digest": manifest_of(V2)["digest"]}
    assert f"Roll back digits to {V2} in dev" == done.commit.subject
    assert expected == {name: done.commit.trailers[name] for name in expected}
    assert released.overlay("dev", "main~2") == released.overlay("dev")


def test_rolling_back_twice_goes_back_two_versions(released):
    """Not forth again; before the first there is none."""
    rollback(str(released), "digits", "dev")
    rollback(str(released), "digits", "dev")

    assert V1 == runs(released)
    with pytest.raises(RefusedError, match=f"digits {V1} is the first version that dev ran"):
        rollback(str(released), "digits", "dev")


def test_a_revert_by_hand_counts_as_a_roll_back(released, tmp_path):
    """`git revert` of the release, pushed."""
    clone = released.clone(tmp_path / "clone")
    released.git("revert", "--no-edit", "HEAD", cwd=clone)
    released.git("push", "-q", cwd=clone)
    assert V2 == runs(released)

    rollback(str(released), "digits", "dev")

    assert V1 == runs(released)


def test_a_retried_release_does_not_undo_a_roll_back(released, manifest_of):
    """The version is known to have been there; promoting it by name brings it back."""
    rollback(str(released), "digits", "dev")

    again = release(str(released), "dev", manifest_of(V3))

    assert (None, V2) == (again.commit, runs(released))
    assert "replaced since; bring it back with promote --to dev" in again.message
    promote(str(released), "digits", "dev", version=V3)
    assert V3 == runs(released)


def test_a_roll_back_of_a_named_version_is_safe_to_retry(released):
    """The second finds another version running and leaves it."""
    rollback(str(released), "digits", "dev", bad=V3)

    again = rollback(str(released), "digits", "dev", bad=V3)

    assert (None, f"dev runs digits {V2}, no longer {V3}: nothing to roll back") == (again.commit, again.message)


def test_other_environments_and_models_stay(released, manifest_of):
    """The environment staging keeps the version that dev leaves, and dev its other model."""
    promote(str(released), "digits", "staging")
    release(str(released), "dev", manifest_of(V1, "cancer"))

    rollback(str(released), "digits", "dev")

    assert [V2, V3, V1] == [runs(released), runs(released, "staging"), runs(released, model="cancer")]


def test_what_does_not_run_cannot_be_rolled_back(released):
    """The sentence lists what does."""
    with pytest.raises(UsageError, match="dev runs no cancer: it runs digits"):
        rollback(str(released), "cancer", "dev")
    with pytest.raises(UsageError, match="prod runs no digits: it runs no model yet"):
        rollback(str(released), "digits", "prod")


@pytest.mark.parametrize(
    ("newest_first", "before"),
    [("1", None), ("21", "1"), ("321", "2"), ("2321", "1"), ("12321", None), ("42321", "2"), ("3232", "2"), ("", None)],
)
def test_what_ran_before_is_read_from_all_that_ever_ran(newest_first, before):
    """A return to the version before is a step back, not another release."""
    assert before == getattr(_before([Pin(name, "") for name in newest_first]), "version", None)
