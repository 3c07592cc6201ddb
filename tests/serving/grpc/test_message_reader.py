"""Messages out of pieces."""

import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.errors import Code, ServingError
from serving.grpc.compression import decompress
from serving.grpc.message_reader import MessageReader


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(1, 60))
def test_pieces_of_any_size_make_the_message(message, size):
    """Whatever they cut through."""
    reader, data = MessageReader(1000), b"\0" + len(message).to_bytes(4, "big") + message
    for at in range(0, len(data), size):
        reader.feed(data, at, min(at + size, len(data)))

    assert message == reader.finish()


@settings(deadline=None)
@given(st.lists(st.binary(max_size=12), max_size=6))
def test_any_pieces_make_a_message_or_a_proper_error(pieces):
    """Never anything else."""
    reader, code, message = MessageReader(20), Code.OK, b""
    try:
        for piece in pieces:
            reader.feed(piece, 0, len(piece))
        message = reader.finish()
    except ServingError as error:
        code = error.code
    assert code in {Code.OK, Code.INTERNAL, Code.UNIMPLEMENTED, Code.RESOURCE_EXHAUSTED}
    assert code or b"".join(pieces)[5:] == message


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_both_encodings_are_unpacked(pack):
    """To the limit, and not beyond."""
    assert bytes(1000) == decompress(pack(bytes(1000)), 1000)
    with pytest.raises(ServingError) as caught:
        decompress(pack(bytes(1001)), 1000)
    assert Code.RESOURCE_EXHAUSTED == caught.value.code


@pytest.mark.parametrize("damaged", [b"", b"abc", gzip.compress(b"abc")[:-1]], ids=["empty", "no gzip", "cut short"])
def test_damaged_messages_are_internal_errors(damaged):
    """Cut off, too."""
    with pytest.raises(ServingError) as caught:
        decompress(damaged, 1000)
    assert Code.INTERNAL == caught.value.code
