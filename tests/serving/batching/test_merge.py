import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serving.batching.merge import batch_size_of, merge_inputs, round_to_lowest_allowed_batch_size, split_outputs
from serving.errors import FailedPrecondition, InvalidArgument, ServingError

DTYPES = st.sampled_from([np.float32, np.int64, np.bool_, np.uint8, np.complex64])


@st.composite
def batches(draw):
    """Tasks of any number of rows with one to three tensors of any shape, and an execution size not below their sum."""
    sizes = draw(st.lists(st.integers(0, 5), min_size=1, max_size=6))
    inner = draw(
        st.lists(st.tuples(DTYPES, hnp.array_shapes(min_dims=0, max_dims=3, max_side=3)), min_size=1, max_size=3)
    )
    tasks = [
        {str(i): draw(hnp.arrays(dtype, (size, *shape))) for i, (dtype, shape) in enumerate(inner)} for size in sizes
    ]
    return tasks, sizes, sum(sizes) + (draw(st.integers(0, 4)) if sum(sizes) else 0)


@given(batches())
def test_what_is_merged_is_split_into_the_same(batch):
    """Rows and dtypes of every task come back, and the batch has the size it should."""
    tasks, sizes, padded_size = batch

    merged = merge_inputs(tasks, padded_size, pad_variable_length=False)
    split = split_outputs(merged, sizes, padded_size)

    assert all(len(array) == padded_size for array in merged.values())
    for task, own in zip(tasks, split, strict=True):
        assert task.keys() == own.keys()
        for name, array in task.items():
            np.testing.assert_array_equal(array, own[name])
            assert array.dtype == own[name].dtype


def test_strings_are_merged_too():
    """As object arrays of bytes."""
    tasks = [{"s": np.array([b"a", b"bc"], object)}, {"s": np.array([b""], object)}]

    assert [b"a", b"bc", b"", b"", b""] == merge_inputs(tasks, 5, pad_variable_length=False)["s"].tolist()


def test_a_batch_is_filled_up_with_the_last_tasks_first_row():
    """Which is valid input; a task of no rows has none."""
    tasks = [{"x": np.array([1, 2])}, {"x": np.array([3, 4])}, {"x": np.array([], int)}]

    assert [1, 2, 3, 4, 3, 3] == merge_inputs(tasks, 6, pad_variable_length=False)["x"].tolist()


def test_a_lone_task_is_not_copied():
    """Neither on its way in nor on its way out."""
    array = np.arange(6).reshape(3, 2)

    merged = merge_inputs([{"x": array}], 3, pad_variable_length=False)

    assert merged["x"] is array
    assert split_outputs({"y": array}, [3], 3)[0]["y"] is array


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({}, "Batching Run() must have at least one input tensor"),
        ({"a": np.zeros(())}, "Batching Run() input tensors must have at least one dimension"),
        ({"a": np.zeros(3), "b": np.zeros(())}, "Batching Run() input tensors must have at least one dimension"),
        (
            {"a": np.zeros((1, 3)), "b": np.zeros((2, 3))},
            "Batching Run() input tensors must have equal 0th-dimension size",
        ),
    ],
)
def test_feeds_without_a_common_batch_dimension_are_refused(feeds, message):
    """In upstream's words."""
    with pytest.raises(InvalidArgument) as raised:
        batch_size_of(feeds)

    assert message == str(raised.value)


def test_the_batch_size_is_dimension_0_of_all_feeds():
    """0 is a size."""
    assert 2 == batch_size_of({"a": np.zeros((2, 3)), "b": np.zeros(2)})
    assert 0 == batch_size_of({"a": np.zeros((0, 3))})


@pytest.mark.parametrize(
    ("allowed", "size", "rounded"), [((), 3, 3), ((2, 4, 8), 1, 2), ((2, 4, 8), 4, 4), ((2, 4), 5, 5), ((2, 4), 0, 0)]
)
def test_sizes_are_rounded_up_to_the_next_allowed_one(allowed, size, rounded):
    """A size above all of them stays, and so does 0, which has no row to copy."""
    assert rounded == round_to_lowest_allowed_batch_size(allowed, size)


def test_different_shapes_need_padding_turned_on():
    """In upstream's words, naming the tensor."""
    with pytest.raises(FailedPrecondition) as raised:
        merge_inputs([{"x:0": np.zeros((1, 2))}, {"x:0": np.zeros((1, 3))}], 2, pad_variable_length=False)

    assert (
        "Tensors with name 'x:0' from different tasks have different shapes and padding is turned off. Set "
        "pad_variable_length_inputs to true, or ensure that all tensors with the same name have equal dimensions "
        "starting with the first dim."
    ) == str(raised.value)


def test_padding_copies_each_tensors_first_element():
    """In all dimensions but the first, up to the batch's largest."""
    tasks = [{"x": np.array([[[1, 2], [3, 4]]])}, {"x": np.array([[[5, 6, 7]], [[8, 9, 0]]])}]

    merged = merge_inputs(tasks, 4, pad_variable_length=True)["x"]

    assert [
        [[1, 2, 1], [3, 4, 1]],
        [[5, 6, 7], [5, 5, 5]],
        [[8, 9, 0], [5, 5, 5]],
        [[5, 6, 7], [5, 5, 5]],
    ] == merged.tolist()


def test_strings_are_padded_with_their_first_string():
    """Not with empty ones."""
    tasks = [{"s": np.array([[b"a"]], object)}, {"s": np.array([[b"b", b"c"]], object)}]

    assert [[b"a", b"a"], [b"b", b"c"]] == merge_inputs(tasks, 2, pad_variable_length=True)["s"].tolist()


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ((1, 0), (1, 2), "Got empty tensor in batch of non-empty tensors."),
        ((1,) * 7, (1,) * 6 + (2,), "Only tensors with rank from 1 to 6 can be padded."),
        ((1, 2), (1, 2, 3), "Tensors with name 'x' from different tasks have different ranks"),
    ],
)
def test_what_cannot_be_padded_is_refused(first, second, message):
    """Nothing to copy, too many dimensions, or another number of them."""
    with pytest.raises(ServingError) as raised:
        merge_inputs([{"x": np.zeros(first)}, {"x": np.zeros(second)}], 2, pad_variable_length=True)

    assert str(raised.value).startswith(message)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=5))
def test_padding_keeps_every_element_in_its_place(shapes):
    """Whatever the shapes; a task of no rows has nothing to keep."""
    tasks = [{"x": np.arange(np.prod(shape)).reshape(shape) + 100 * i} for i, shape in enumerate(shapes)]
    rows = [shape[0] for shape in shapes]

    split = split_outputs(merge_inputs(tasks, sum(rows), pad_variable_length=True), rows, sum(rows))

    for task, own in zip(tasks, split, strict=True):
        n, a, b = task["x"].shape
        assert (task["x"] == own["x"][:n, :a, :b]).all()
        assert (max(s[1] for s in shapes), max(s[2] for s in shapes)) == own["x"].shape[1:]


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (np.array(1.0), "Batched output tensor has 0 dimensions"),
        (
            np.zeros(2),
            (
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
                "tensors"
            ),
        ),
    ],
)
def test_outputs_without_a_row_per_row_are_refused(output, message):
    """Also for a lone task."""
    for sizes in ([3], [1, 2]):
        with pytest.raises(FailedPrecondition) as raised:
            split_outputs({"y": output}, sizes, 3)

        assert message == str(raised.value)
