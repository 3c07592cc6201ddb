import os

import pytest

from serving.batching.batch_queue import QueueOptions, queue_options
from serving.batching.batching_parameters import BatchingParameters, read_batching_parameters
from serving.errors import InvalidArgument, NotFound


@pytest.fixture
def read(tmp_path):
    """Reads a file of this content."""

    def run(text):
        (tmp_path / "f").write_text(text)
        return read_batching_parameters(str(tmp_path / "f"))

    return run


FULL = """
max_batch_size { value: 128 }  # of a task
batch_timeout_micros { value: 5000 }
max_enqueued_batches { value: 1000000 }
num_batch_threads { value: 8 }
thread_pool_name { value: "pool" }
allowed_batch_sizes: 32
allowed_batch_sizes: [64, 128]
pad_variable_length_inputs: true
enable_large_batch_splitting { value: true }
max_execution_batch_size < value: 64 >
"""


def test_every_parameter_is_read(read):
    """In upstream's text format, wrappers and all."""
    expected = BatchingParameters(128, 5000, 1_000_000, 8, "pool", (32, 64, 128), True, True, 64)  # noqa: FBT003

    assert expected == read(FULL)


def test_what_is_not_set_has_upstreams_default(read):
    """An empty file is fine; as many threads as CPUs."""
    parameters = read("")

    assert BatchingParameters() == parameters == read_batching_parameters("")
    assert (1000, 0, 10, ()) == (
        parameters.max_batch_size,
        parameters.batch_timeout_micros,
        parameters.max_enqueued_batches,
        parameters.allowed_batch_sizes,
    )
    assert len(os.sched_getaffinity(0)) == parameters.threads()


def test_a_set_zero_is_not_a_default(read):
    """The wrappers tell 0 from unset."""
    assert 0 == read("num_batch_threads { value: 0 }").threads()
    assert 0 == read("max_batch_size { }").max_batch_size


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("max_batch_size: 4", '1:17: Expected "{", found "4".'),
        ("nonsense { }", '1:10: Message type "tensorflow.serving.BatchingParameters" has no field named "nonsense".'),
    ],
)
def test_text_of_another_form_is_refused(read, tmp_path, capfd, text, reason):
    """The status names the file, stderr the place and the reason."""
    with pytest.raises(InvalidArgument) as raised:
        read(text)

    assert f"Invalid protobuf file: '{tmp_path / 'f'}'" == str(raised.value)
    assert f"Error parsing text-format tensorflow.serving.BatchingParameters: {reason}\n" == capfd.readouterr().err


def test_a_file_that_is_not_there_is_not_found(tmp_path):
    """With upstream's text."""
    with pytest.raises(NotFound, match=r"/none; No such file or directory$"):
        read_batching_parameters(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("sizes", "maximum", "message"),
    [
        ((2, 4), 4, None),
        ((), 4, None),
        ((2, 8), 4, "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 8; expected 4"),
        ((2,), 1000, "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 2; expected 1000"),
    ],
)
def test_the_largest_allowed_size_is_the_largest_possible_one(sizes, maximum, message):
    """Checked when a model is loaded."""
    parameters = BatchingParameters(max_batch_size=maximum, allowed_batch_sizes=sizes)
    if message is None:
        parameters.check_allowed_batch_sizes()
        return

    with pytest.raises(InvalidArgument) as raised:
        parameters.check_allowed_batch_sizes()

    assert message == str(raised.value)


SPLITTING = {"enable_large_batch_splitting": True}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_batch_size": 0}, "input_batch_size_limit must be positive; was 0"),
        ({"batch_timeout_micros": -1}, "batch_timeout_micros must be non-negative; was -1"),
        ({"max_enqueued_batches": 0, **SPLITTING}, "max_enqueued_batches must be positive; was 0"),
        ({"max_execution_batch_size": 0, **SPLITTING}, "max_execution_batch_size must be positive; was 0"),
        (
            {"max_batch_size": 4, "max_execution_batch_size": 8, **SPLITTING},
            (
                "When enable_large_batch_splitting is true, input_batch_size_limit must be greater than or equal to "
                "max_execution_batch_size.148"
            ),
        ),
    ],
)
def test_limits_that_no_queue_can_keep_are_refused(parameters, message):
    """In upstream's words."""
    with pytest.raises(InvalidArgument) as raised:
        queue_options(BatchingParameters(**parameters))

    assert message == str(raised.value)


@pytest.mark.parametrize(
    ("parameters", "options", "batch_size"),
    [
        ({}, QueueOptions(1000, 0.0, 10, False, 1000), 1000),  # noqa: FBT003
        ({"max_enqueued_batches": 0, "batch_timeout_micros": 1500}, QueueOptions(1000, 0.0015, 1), 1000),
        ({"max_batch_size": 8, "max_execution_batch_size": 4}, QueueOptions(8, 0.0, 10, False, 4), 8),  # noqa: FBT003
        ({"max_batch_size": 8, "max_execution_batch_size": 4, **SPLITTING}, QueueOptions(8, 0.0, 10, True, 4), 4),  # noqa: FBT003
        ({"max_batch_size": 8, **SPLITTING}, QueueOptions(8, 0.0, 10, True, 8), 8),  # noqa: FBT003
    ],
)
def test_execution_size_counts_only_with_splitting(parameters, options, batch_size):
    """Without it a batch is as large as a task may be."""
    found = queue_options(BatchingParameters(**parameters))

    assert options == found
    assert batch_size == found.batch_size
