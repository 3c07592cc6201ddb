from types import SimpleNamespace

import numpy as np
import pytest

from serving.errors import InvalidArgument, ServingError
from serving.servables.predict import prepare_predict
from serving.servables.signature import Signature, TensorInfo

ONE, TWO = np.ones(1, "f4"), np.ones(2, "f4")
PREDICT = "tensorflow/serving/predict"


def tensors(**names):
    """By alias."""
    return {alias: TensorInfo(name, "float") for alias, name in names.items()}


BUNDLE = SimpleNamespace(
    signatures={
        "serving_default": Signature(PREDICT, tensors(x="z:0"), tensors(y="y:0"), {}),
        "two": Signature(PREDICT, tensors(a="z:0", b="a:0"), tensors(p="p:0", q="q:0", r="p:0"), {}),
        "optional": Signature("odd", tensors(a="a:0", b="b:0"), tensors(y="y:0"), {"b": TWO}),
    }
)


def test_a_request_becomes_sorted_feeds_and_fetches():
    """Feeds by tensor name, outputs by alias; an empty name is serving_default."""
    prepared = prepare_predict(BUNDLE, "two", {"a": ONE, "b": TWO})

    assert (("a:0", "z:0"), ("p:0", "q:0", "p:0"), ("p", "q", "r")) == (
        prepared.feeds,
        prepared.fetches,
        prepared.aliases,
    )
    assert prepared.arrays[0] is TWO
    assert ("z:0",) == prepare_predict(BUNDLE, "", {"x": ONE}).feeds


def test_a_filter_keeps_its_order():
    """Only what is asked for is fetched."""
    prepared = prepare_predict(BUNDLE, "two", {"a": ONE, "b": TWO}, ["q", "p"])

    assert (("q:0", "p:0"), ("q", "p")) == (prepared.fetches, prepared.aliases)


def test_a_default_stands_in():
    """For the input that has one."""
    assert prepare_predict(BUNDLE, "optional", {"a": ONE}).arrays[1] is TWO


NO_OUTPUT = "INVALID_ARGUMENT: output tensor alias not found in signature:"
TOO_FEW = (
    "INVALID_ARGUMENT: input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. "
    "Missing but required: {x}."
)
TOO_MANY = (
    "INVALID_ARGUMENT: input size does not match signature: 2!=1 len({a,b}) != len({x}). Sent extra: {a,b}. "
    "Missing but required: {x}."
)
NO_VALUE = (
    "INVALID_ARGUMENT: Signature input alias: a(feed name: a:0) not found in request and no default value provided. "
    "Inputs expected to be in the request {b}, or default input alias set: b"
)


@pytest.mark.parametrize(
    ("signature", "inputs", "outputs", "expected"),
    [
        ("no", {}, [], 'FAILED_PRECONDITION: Serving signature key "no" not found.'),
        ("", {}, ["bad"], TOO_FEW),
        ("", {"b": ONE, "a": ONE}, [], TOO_MANY),
        ("optional", {"b": ONE}, [], NO_VALUE),
        (
            "optional",
            {"a": ONE, "c": ONE},
            ["bad"],
            "INVALID_ARGUMENT: Inputs contains invalid name. Used request inputs: a, request input: a,c",
        ),
        (
            "two",
            {"a": ONE, "b": ONE},
            ["z"],
            f"{NO_OUTPUT} z Outputs expected to be in the set {{p,q,r}}.",
        ),
        ("two", {"a": ONE, "b": ONE}, ["p", "p"], "INVALID_ARGUMENT: duplicate output tensor alias: p"),
    ],
)
def test_what_does_not_fit_is_refused_in_upstreams_words(signature, inputs, outputs, expected):
    """And in its order: the signature, the number of inputs, each input, the outputs."""
    with pytest.raises(ServingError) as failed:
        prepare_predict(BUNDLE, signature, inputs, outputs)

    assert expected == failed.value.status()


def test_the_method_name_is_checked_on_demand():
    """Before anything about the inputs."""
    assert prepare_predict(BUNDLE, "", {"x": ONE}, check_method_name=True)
    with pytest.raises(ServingError) as failed:
        prepare_predict(BUNDLE, "optional", {}, check_method_name=True)

    assert (
        "INTERNAL: Expected prediction signature method_name to be one of {tensorflow/serving/predict, "
        "tensorflow/serving/classify, tensorflow/serving/regress}. Was: odd"
    ) == failed.value.status()


def test_a_value_is_decoded_after_the_names_were_counted():
    """A lazy mapping's own error comes through, unless the names are wrong already."""

    class Undecodable(dict):
        def __getitem__(self, alias):
            raise InvalidArgument(f"tensor parsing error: {alias}")

    with pytest.raises(ServingError, match="tensor parsing error: x"):
        prepare_predict(BUNDLE, "", Undecodable(x=None))
    with pytest.raises(ServingError, match="input size does not match"):
        prepare_predict(BUNDLE, "two", Undecodable(x=None))
