"""What the switches' figures are made of: spans, tags, the version that an answer may be of."""

import json

import numpy as np
import pytest

from tests.bench.load.errors import BadAnswer
from tests.bench.load.tagged import Tagger
from tests.bench.switches import Run, Switch, _within, section, summed_up, wrong
from tests.bench.wire import predict_response

ANSWERS = [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
MS = 1_000_000


def run(*records):
    """Versions 0 to 2: 1 put there at 10 ms and 0 gone at 20, 2 put there at 30 and 1 gone at 40."""
    switches = [Switch(1, 10 * MS, 20 * MS), Switch(2, 30 * MS, 40 * MS)]
    records = np.array([(due * MS, done * MS, tag, 0) for due, done, tag in records], np.int64)
    return Run(variants=3, switches=switches, steady=[(0, 9 * MS), (41 * MS, 60 * MS)], records=records)


@pytest.mark.parametrize(
    ("due", "done", "right"),
    [(1, 5, {0}), (5, 12, {0, 1}), (21, 29, {1}), (19, 31, {0, 1, 2}), (35, 36, {1, 2}), (41, 50, {2})],
)
def test_an_answer_must_be_of_a_version_aspired_meanwhile(due, done, right):
    """From the oldest not yet unloaded to the newest already there."""
    assert [tag not in right for tag in range(3)] == wrong(run(*[(due, done, tag) for tag in range(3)])).tolist()


def test_requests_belong_to_a_switch_that_they_touch():
    """The rest counts as steady where nothing is done; what is in between counts for neither."""
    found = summed_up(run((1, 2, 0), (2, 3, 0), (8, 11, 0), (25, 26, 1), (41, 43, 2), (15, 35, -1)))

    assert (3, 2, 1, 0) == (found["steady"]["n"], found["during"]["n"], found["failed"], found["wrong"])
    assert (2, 20) == (found["steady"]["most"], found["during"]["most"])


def test_without_switches_nothing_is_within():
    """No span, no request."""
    assert not _within(np.arange(3), np.arange(3), []).any()


@pytest.mark.parametrize("is_json", [True, False])
def test_an_answer_tells_its_version(is_json):
    """By its numbers; one that is none of the known ones is bad."""

    def message(numbers):
        row = np.asarray([numbers], np.float32)
        return json.dumps({"predictions": row.tolist()}).encode() if is_json else predict_response("m", 1, row)

    tagger = Tagger(ANSWERS, is_json=is_json)
    for tag, numbers in enumerate(ANSWERS):
        tagger.check(message(numbers))
        assert tag == tagger.last

    with pytest.raises(BadAnswer, match="of no version"):
        tagger.check(message([0.0, 1.5]))
    assert tagger.last < 0


def test_the_page_tells_figures_or_nothing(tmp_path):
    """Of the last run, if there was one."""
    found = summed_up(run((1, 2, 0), (8, 11, 0)))
    found |= {
        "rss": [1 << 20],
        "cores": 2,
        "by_protocol": dict.fromkeys(("grpc", "rest"), found["by_protocol"]["grpc"]),
    }
    (tmp_path / "found.json").write_text(json.dumps(found))

    assert "" == section(tmp_path / "none.json")
    assert "Of 2 requests 0 failed and 0 were answered by a version" in section(tmp_path / "found.json")
