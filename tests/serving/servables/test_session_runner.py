import numpy as np
import pytest
import tensorflow as tf

from serving.servables.session_runner import SessionRunner


class PublicOnly:
    """A session without the private entry point."""

    def __init__(self, session):
        self.graph, self.run = session.graph, session.run


@pytest.mark.parametrize("wrap", [lambda session: session, PublicOnly])
def test_both_ways_give_the_same(wrap):
    """The session callable and its public fall-back."""
    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float32, [None], name="x")
        text = tf.compat.v1.placeholder(tf.string, [], name="text")
        tf.add(x, 1.0, name="y")
        tf.identity(text, name="same")
        with tf.compat.v1.Session() as session:
            feeds = {"x:0": np.array([1, 2], np.float32), "text:0": np.array(b"a\0", object)}
            values = SessionRunner(wrap(session)).run(feeds, ["y:0", "same:0", "y:0"])

    assert {"y:0": [2.0, 3.0], "same:0": b"a\0"} == {name: value.tolist() for name, value in values.items()}
