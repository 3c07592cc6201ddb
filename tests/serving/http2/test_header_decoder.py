"""What is kept of header blocks never differs from what they say."""

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.http2.errors import ConnectionFailure, ErrorCode
from serving.http2.header_decoder import HeaderDecoder
from serving.http2.hpack_decoder import HpackDecoder

NAMES = st.sampled_from([b":path", b"content-type", b"grpc-timeout", b"x-a", b"x-b"])
VALUES = st.sampled_from([b"", b"1", b"10S", b"application/grpc", b"x" * 1500])
LISTS = st.lists(st.tuples(NAMES, VALUES), max_size=6)


@settings(deadline=None)
@given(st.lists(st.one_of(LISTS, st.sampled_from([50, 100, 4096])), max_size=30))
def test_a_kept_block_says_what_a_decoder_would_say(steps):
    """Through entries added, evicted and tables resized; a number is a new size of the table."""
    encoder, plain, kept = hpack.Encoder(), hpack.Decoder(), HeaderDecoder(1 << 16, 1 << 16)
    for step in steps:
        if isinstance(step, int):
            # The library's encoder forgets a size that is set to what it is.
            if step != encoder.header_table_size:
                encoder.header_table_size = step
            continue
        block = encoder.encode(step)
        for data in (block, block) if _is_plain(block) else (block,):
            expected = [tuple(pair) for pair in plain.decode(data, raw=True)]
            assert expected == list((kept.known(data) or kept.decode(data)).headers)


def _is_plain(block):
    """Whether a block may be sent twice to a decoder: it has only references to tables."""
    return all(byte & 0x80 for byte in block)


@settings(deadline=None)
@given(st.lists(LISTS, max_size=30))
def test_what_is_cut_of_a_list_is_still_in_the_table(lists):
    """The blocks after it mean what they would have meant."""
    encoder, cutting = hpack.Encoder(), HeaderDecoder(500, 1 << 16)
    for headers in lists:
        size = sum(len(name) + len(value) + 32 for name, value in headers)
        block = encoder.encode(headers)
        head = cutting.known(block) or cutting.decode(block)

        assert (size, size > 500) == (head.size, head.is_cut)
        assert head.headers == headers[: len(head.headers)]
        assert head.is_cut or len(head.headers) == len(headers)


def test_a_block_that_is_sent_again_is_decoded_once():
    """The same object, then."""
    encoder, decoder = hpack.Encoder(), HeaderDecoder(1 << 14, 1 << 16)
    headers = [(b":path", b"/s/m"), (b"x", b"y")]
    decoder.decode(encoder.encode(headers))
    block = encoder.encode(headers)
    first = decoder.decode(block)

    assert first is decoder.known(block)
    decoder.decode(encoder.encode([(b"x", b"z")]))
    assert decoder.known(block) is None


@settings(max_examples=500, deadline=None)
@given(
    st.lists(
        st.binary(max_size=12) | st.sampled_from([b"\x40\x01a\x01b", b"\xbe", b"\x7f\x00\x01c", b"\x3e"]), max_size=8
    )
)
def test_any_bytes_mean_what_the_hpack_package_says(parts):
    """The same headers, or an error; only its longer integers are refused here."""
    own, library = HpackDecoder(1 << 14), hpack.Decoder(max_header_list_size=1 << 14)
    for block in parts:
        try:
            expected = [tuple(pair) for pair in library.decode(block, raw=True)]
        except (hpack.HPACKError, IndexError):
            with pytest.raises((hpack.HPACKError, IndexError)):
                own.decode(block)
            return
        assert expected == own.decode(block)


@pytest.mark.parametrize("block", [b"\x80", b"\xff", b"\xff" * 20, b"\x40", b"\x00\x81\xff\x01a", b"\x82\x3f\xe1\x1f"])
def test_damaged_blocks_end_the_connection(block):
    """The table is out of step from there on."""
    with pytest.raises(ConnectionFailure) as caught:
        HeaderDecoder(1 << 14, 1 << 16).decode(block)

    assert ErrorCode.COMPRESSION_ERROR == caught.value.code
