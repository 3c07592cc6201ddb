"""The wrong answers are shown as a person can judge them."""

import base64
import io

import numpy as np
from PIL import Image

from training.examples import Examples
from training.mistakes import MOST, mistakes

LABELS = ("a", "b")


def test_the_most_certain_mistakes_come_first_as_pictures():
    """At most MOST; each is a PNG of the very pixels."""
    count = MOST + 5
    images = np.random.default_rng(0).random((count, 8, 6, 1)).astype(np.float32)
    certain = np.linspace(0.6, 0.9, count)
    scores = np.stack([1 - certain, certain], axis=1)
    examples = Examples({"images": images}, np.zeros(count, np.int64), np.arange(count).astype(str))

    shown = mistakes(scores, examples, LABELS)
    picture = Image.open(io.BytesIO(base64.b64decode(shown[0]["image"])))

    assert (MOST, str(count - 1)) == (len(shown), shown[0]["id"])
    assert ("a", "b", None) == (shown[0]["label"], shown[0]["prediction"], shown[0]["features"])
    np.testing.assert_array_equal(np.rint(images[-1, ..., 0] * 255), np.asarray(picture))


def test_a_row_of_a_table_is_shown_by_its_values():
    """Right answers are not shown."""
    examples = Examples({"x": np.array([1.5, 2.5], np.float32)}, np.array([0, 1]), np.array(["r:0", "r:1"]))

    shown = mistakes(np.array([[0.9, 0.1], [0.7, 0.3]]), examples, LABELS)

    assert [("r:1", {"x": 2.5}, None)] == [(each["id"], each["features"], each["image"]) for each in shown]
