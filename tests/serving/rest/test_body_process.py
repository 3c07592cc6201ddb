"""Large bodies that only the exact reader takes."""

import gc
import time

import numpy as np
import psutil
import pytest

from serving.errors import DeadlineExceeded, ServingError
from serving.rest.body_process import BodyProcess
from serving.rest.exact_body import ParsedBody, exact_body
from serving.rest.json_reader import read
from serving.rest.predict_body import PredictBody

ENTRIES = 40_000


def children():
    """Processes that this one has started and that have not ended."""
    return {child.pid for child in psutil.Process().children()}


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances":[' + b"NaN," * ENTRIES + b"1.5]}",
        b'{"signature_name":"s","inputs":{"x":[' + b"[" * 3 + b"1" + b"]" * 3 + b"]}}" + b" " * ENTRIES,
        b'{"instances":["a"],"deep":' + b"[" * ENTRIES + b"]" * ENTRIES + b"}",
        b'{"instances":[' + b"1," * ENTRIES + b"x]}",
        b"[" * ENTRIES,
        b'{"instances":[' + b"1," * ENTRIES + b'"1"]}',
        b'{"signature_name":1,"instances":[' + b"1," * ENTRIES + b"1]}",
    ],
    ids=["NaN", "named", "deep", "malformed", "open", "mixed", "bad name"],
)
@pytest.mark.parametrize("dtype", ["float", "string"])
def test_a_process_says_what_is_said_here(body, dtype):
    """Names, values to the bit, and errors."""

    def said(make):
        try:
            parsed = make()
            row_form, tensors = parsed.inputs({"x": dtype})
        except ServingError as error:
            return error.code, error.message
        tensor = tensors["x"]
        return parsed.signature_name, row_form, tensor.shape, str(tensor.dtype), tensor.tolist().__repr__()

    assert said(lambda: ParsedBody(read(body))) == said(lambda: BodyProcess(body, 60))


def test_its_examples_come_back():
    """For classify and regress."""
    body = b'{"examples":[' + b'{"x":[1,2,3]},' * ENTRIES + b'{"x":["a"]}]}'

    assert ParsedBody(read(body)).examples() == BodyProcess(body, 60).examples()


def test_only_what_takes_long_goes_to_a_process():
    """Small bodies, and those that the scanner in C takes, are read here."""
    assert isinstance(exact_body(b'{"instances":[NaN]}'), ParsedBody)
    assert isinstance(exact_body(b'{"instances":[' + b"NaN," * ENTRIES + b"1]}"), ParsedBody)
    assert isinstance(exact_body(b'{"instances":[' + b"Inf," * ENTRIES + b"1]}"), BodyProcess)
    assert isinstance(exact_body(b'{"instances":[' + b"NaN," * (ENTRIES * 10) + b"1]}"), BodyProcess)


def test_a_body_that_takes_too_long_is_ended():
    """With what was at work on it."""
    before, begun = children(), time.monotonic()

    with pytest.raises(DeadlineExceeded, match=r"^Timed out waiting for notification$"):
        BodyProcess(b"[" * 30_000_000, 0.5)
    assert time.monotonic() - begun < 10
    gc.collect()  # the error held the object
    assert children() <= before


def test_a_body_that_nobody_asks_about_leaves_no_process():
    """Its model was not found, or its client has gone."""
    before = children()
    parsed = BodyProcess(b'{"instances":[1]}', None)
    assert children() > before
    del parsed

    assert children() <= before


def test_a_process_that_is_killed_is_an_error():
    """And not a hang."""
    parsed = BodyProcess(b'{"instances":[1]}', None)
    parsed._process.terminate()

    with pytest.raises(ServingError, match="process that read the request's body ended"):
        parsed.inputs({"x": "float"})


def test_what_the_quick_reader_gives_up_late_is_read_exactly():
    """The last of many strings is none."""
    body = b'{"instances":[' + b'"",' * 400_000 + b"1]}"

    with pytest.raises(ServingError, match="JSON Value: 1 Type: Number is not of expected type: string"):
        PredictBody(body).inputs({"x": "string"})


def test_many_numbers_come_back_whole():
    """Of more than a pipe holds."""
    body = b'{"instances":[Inf,' + b"1.25," * 500_000 + b"2]}"
    tensor = PredictBody(body).inputs({"x": "float"})["x"]

    assert (500_002,) == tensor.shape
    assert np.isinf(tensor[0])
    assert 1.25 * 500_000 + 2 == tensor[1:].sum(dtype=np.float64)
