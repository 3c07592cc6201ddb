import pytest
import tensorflow as tf

from serving.servables.endless import may_never_end


def in_a_function(body):
    """A graph whose function, not itself, has the operations."""
    return tf.function(body).get_concrete_function(tf.TensorSpec([None], tf.float32)).graph.as_graph_def()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (lambda x: tf.nn.relu(x) * 2, False),
        (lambda x: tf.cond(tf.size(x) > 1, lambda: x, lambda: x * 2), False),
        (lambda x: tf.sort(tf.strings.to_number(tf.strings.as_string(x))), False),
        (lambda x: tf.nn.max_pool(tf.reshape(x, [1, 1, -1, 1]), 1, 1, "VALID"), False),
        (lambda x: tf.while_loop(lambda y: tf.size(y) > 0, lambda y: (y,), [x]), True),
        (tf.function(lambda x: tf.while_loop(lambda y: tf.size(y) > 0, lambda y: (y,), [x])), True),
        (lambda x: tf.numpy_function(lambda y: y, [x], tf.float32), True),
        (lambda x: tf.map_fn(tf.identity, x), True),
    ],
)
def test_loops_and_code_from_outside_may_never_end(body, expected):
    """Wherever they are; what only computes ends."""
    assert expected == may_never_end(in_a_function(body))


def test_a_tf1_loop_and_a_queue_may_never_end():
    """Enter and NextIteration; a queue waits for its next element."""
    with tf.Graph().as_default() as queue:
        tf.queue.FIFOQueue(1, [tf.float32], shapes=[[]]).dequeue()
    with tf.Graph().as_default() as loop:
        tf.compat.v1.disable_control_flow_v2()
        tf.while_loop(lambda i: i > 0, lambda i: (i,), [tf.constant(1)])
        tf.compat.v1.enable_control_flow_v2()

    assert may_never_end(queue.as_graph_def())
    assert may_never_end(loop.as_graph_def())
