"""Statuses and metadata on the wire."""

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.errors import Code
from serving.grpc.grpc_status import cut_message, decoded_metadata, percent_encoded, trailers


@settings(deadline=None)
@given(st.binary())
def test_percent_encoding_is_undone_by_any_url_decoder(raw):
    """And is printable ASCII."""
    encoded = percent_encoded(raw)

    assert raw == unquote_to_bytes(encoded)
    assert all(0x20 <= byte < 0x7F for byte in encoded)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([b"x-bin", b"y-bin"]), st.binary())))
def test_binary_metadata_comes_back(metadata):
    """With or without padding."""
    sent = trailers(Code.OK, "", metadata)

    assert [(b"grpc-status", b"0")] == sent[:1]
    assert metadata == list(decoded_metadata(sent[1:]))


def test_several_values_joined_by_commas_are_several():
    """As the protocol allows for -bin names."""
    assert ((b"x-bin", b"a"), (b"x-bin", b"b")) == decoded_metadata([(b":path", b"/"), (b"x-bin", b"YQ==,Yg")])


def test_what_is_not_base64_is_refused():
    """By ValueError."""
    with pytest.raises(ValueError, match=r"base64|padding"):
        decoded_metadata([(b"x-bin", b"!!")])


def test_a_message_is_cut_by_bytes():
    """Even in the middle of a character, as upstream does."""
    assert "ü".encode() * 512 + b"...TRUNCATED" == cut_message("ü" * 513)
