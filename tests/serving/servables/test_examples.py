import pytest
from tensorflow.core.example import example_pb2
from tensorflow_serving.apis import input_pb2

from serving.errors import InvalidArgument
from serving.servables.examples import example_tensor, serialized_examples


def example(**features):
    """A tf.Example with one float per feature."""
    proto = example_pb2.Example()
    for name, value in features.items():
        proto.features.feature[name].float_list.value.append(value)
    return proto


def test_an_example_list_is_one_string_per_example():
    """In the order of the request."""
    request = input_pb2.Input(example_list=input_pb2.ExampleList(examples=[example(x=1), example(x=2)]))

    assert [example(x=1), example(x=2)] == [example_pb2.Example.FromString(s) for s in serialized_examples(request)]


def test_a_context_is_merged_into_each_example():
    """Its bytes go first, so that an example's own feature wins."""
    request = input_pb2.Input(
        example_list_with_context=input_pb2.ExampleListWithContext(
            context=example(c=7, x=0), examples=[example(x=1), example()]
        )
    )

    strings = serialized_examples(request)

    assert all(s.startswith(request.example_list_with_context.context.SerializeToString()) for s in strings)
    assert [example(c=7, x=1), example(c=7, x=0)] == [example_pb2.Example.FromString(s) for s in strings]


@pytest.mark.parametrize(
    "request_input",
    [
        input_pb2.Input(),
        input_pb2.Input(example_list=input_pb2.ExampleList()),
        input_pb2.Input(example_list_with_context=input_pb2.ExampleListWithContext(context=example(c=1))),
    ],
)
def test_an_input_without_examples_is_refused(request_input):
    """A context alone is no example."""
    with pytest.raises(InvalidArgument, match=r"^Input is empty\.$"):
        example_tensor(serialized_examples(request_input))


def test_the_tensor_is_a_vector_of_strings():
    """Whatever the strings' lengths."""
    tensor = example_tensor([b"a", b"bc", b""])

    assert (3,) == tensor.shape
    assert object == tensor.dtype
    assert [b"a", b"bc", b""] == tensor.tolist()
