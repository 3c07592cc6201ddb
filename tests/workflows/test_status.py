import dataclasses
import json
from datetime import datetime, timedelta, timezone

import pytest

from workflows.errors import OverlayError, RepositoryError, UsageError
from workflows.promote import promote
from workflows.release import release
from workflows.rollback import rollback
from workflows.status import history, status

V1, V2 = "20261122143000", "20261122150000"
DEV = "kustomize/overlays/dev/kustomization.yaml"


@pytest.fixture(scope="module")
def prepared(seed, tmp_path_factory, copy_remote, manifest_of):
    """Two versions of digits in dev, the first also in staging; cancer in dev."""
    remote = copy_remote(seed, tmp_path_factory.mktemp("prepared"))
    release(str(remote), "dev", manifest_of(V1, accuracy=0.97))
    promote(str(remote), "digits", "staging")
    release(str(remote), "dev", manifest_of(V1, "cancer"))
    release(str(remote), "dev", manifest_of(V2, accuracy=0.99))
    return remote


@pytest.fixture
def shipped(prepared, tmp_path, copy_remote):
    """A copy of it of the test's own."""
    return copy_remote(prepared.path, tmp_path)


def test_status_is_what_each_overlay_names(shipped, manifest_of):
    """In the order of promotion, then by model; with the commit that brought it and the release's metrics."""
    found = status(shipped.path)

    assert [
        ("dev", "cancer", V1, f"Release cancer {V1} to dev", 0.98),
        ("dev", "digits", V2, f"Release digits {V2} to dev", 0.99),
        ("staging", "digits", V1, f"Promote digits {V1} to staging", 0.97),
    ] == [(entry.environment, entry.model, entry.version, entry.subject, entry.metrics["accuracy"]) for entry in found]
    assert manifest_of(V1)["digest"] == found[2].digest
    assert shipped.git("rev-parse", "main") == found[1].commit


def test_status_is_the_same_from_a_clone_and_can_be_asked_of_the_past(shipped, tmp_path):
    """Any commit is a reference."""
    clone = shipped.clone(tmp_path / "clone")
    now = datetime.now(timezone.utc)

    assert status(shipped.path, now=now) == status(clone, now=now)
    assert [("dev", V1)] == [(entry.environment, entry.version) for entry in status(shipped.path, ref="main~3")]


def test_age_counts_from_the_commit(shipped):
    """In seconds, to a time that can be given; everything can be written as JSON."""
    entry = status(shipped.path)[0]
    later = datetime.fromisoformat(entry.since) + timedelta(hours=2)

    assert 7200.0 == status(shipped.path, now=later)[0].age_s
    assert V1 == json.loads(json.dumps(dataclasses.asdict(entry)))["version"]


def test_history_tells_every_change_newest_first(shipped):
    """A roll back is one; other models' commits are none."""
    rollback(str(shipped), "digits", "dev")

    found = history(shipped.path, "dev", "digits")

    assert [V1, V2, V1] == [entry.version for entry in found]
    assert f"Roll back digits to {V1} in dev" == found[0].subject
    assert [] == history(shipped.path, "prod", "digits")


def test_history_survives_commits_that_cannot_be_read(shipped, tmp_path):
    """Status of a broken overlay is refused; once mended, the broken commit is passed over."""
    clone, good = shipped.clone(tmp_path / "clone"), shipped.overlay("dev") + "\n"
    before = [entry.commit for entry in history(shipped.path, "dev", "digits")]
    shipped.commit(clone, DEV, "images: [", "Break")
    with pytest.raises(OverlayError, match=f"{DEV} is not YAML in line 1"):
        status(shipped.path)
    shipped.commit(clone, DEV, good, "Mend")

    assert before == [entry.commit for entry in history(shipped.path, "dev", "digits")]


def test_a_model_that_was_taken_out_is_in_the_history_only(shipped, tmp_path):
    """With no version."""
    text = shipped.overlay("dev", "main~4")
    shipped.commit(shipped.clone(tmp_path / "clone"), DEV, text, "Take all out")

    assert ["staging"] == [entry.environment for entry in status(shipped.path)]
    assert ["", V2, V1] == [entry.version for entry in history(shipped.path, "dev", "digits")]


def test_metrics_that_no_machine_wrote_are_left_out(remote, tmp_path):
    """A hand may write anything into a trailer."""
    text = f'resources: [../../models/digits]\nimages: [{{name: models/digits, newTag: "{V1}"}}]\n'
    subject = f"x\n\nModel: digits\nVersion: {V1}\nMetrics: good"
    remote.commit(remote.clone(tmp_path / "clone"), DEV, text, subject)

    assert [({}, "")] == [(dict(entry.metrics), entry.digest) for entry in status(remote.path)]


def test_what_is_not_there_is_one_sentence(remote, tmp_path):
    """No repository, no commit, no environment."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(RepositoryError, match="is not a git repository"):
        status(tmp_path / "empty")
    with pytest.raises(RepositoryError, match="has no commit v9"):
        status(remote.path, ref="v9")
    with pytest.raises(UsageError, match="no environment moon"):
        history(remote.path, "moon", "digits")
