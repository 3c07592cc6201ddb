import json

import pytest

from workflows.report.facts import Failure, failures

TRAIN = {"displayName": "train(0)", "templateName": "train-gpu", "message": "OOMKilled"}
DAG = {"displayName": "digits-2026", "templateName": "main", "message": "child failed"}


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("", ()),
        ("null", ()),
        ("[]", ()),
        ("{{workflow.failures}}", ()),
        (json.dumps([TRAIN]), (Failure("train", "OOMKilled"),)),
        (json.dumps(json.dumps([TRAIN])), (Failure("train", "OOMKilled"),)),
        (json.dumps([DAG, TRAIN]), (Failure("train", "OOMKilled"),)),
        (json.dumps([DAG]), (Failure("main", "child failed"),)),
        ("stopped by hand", (Failure("", "stopped by hand"),)),
    ],
)
def test_what_argo_tells_of_failures(told, found):
    """A list, a quoted list, none, or words; the DAG's own failure only where no step has one."""
    assert found == failures(told)
