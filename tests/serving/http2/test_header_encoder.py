"""Header blocks without state."""

import hpack
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.http2.header_encoder import encode_headers

NAMES = st.one_of(st.sampled_from([b":status", b"content-type", b"grpc-status"]), st.binary(min_size=1, max_size=300))


@settings(deadline=None)
@given(st.lists(st.tuples(NAMES, st.binary(max_size=300))))
def test_any_decoder_reads_them_and_keeps_nothing(headers):
    """So that the same bytes serve every connection, again and again."""
    decoder = hpack.Decoder(max_header_list_size=1 << 20)

    assert headers == [tuple(pair) for pair in decoder.decode(encode_headers(headers), raw=True)]
    assert not decoder.header_table.dynamic_entries


def test_fields_of_the_static_table_are_one_byte():
    """As in RFC 7541, appendix A."""
    assert b"\x88" == encode_headers([(b":status", b"200")])
