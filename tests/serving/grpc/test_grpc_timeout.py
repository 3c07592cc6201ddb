"""grpc-timeout."""

import pytest

from serving.grpc.grpc_timeout import parse_timeout


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(b"2H", 7200), (b"3M", 180), (b"10S", 10), (b"5m", 0.005), (b"7u", 7e-6), (b"99999999n", 0.099999999), (b"0S", 0)],
)
def test_every_unit(value, seconds):
    """As a number of seconds."""
    assert seconds == pytest.approx(parse_timeout(value))


@pytest.mark.parametrize("value", [b"", b"S", b"10", b"-1S", b"1.5S", b"123456789S", b"1s", b"1h", b"\xb2S"])
def test_anything_else_is_refused(value):
    """By ValueError."""
    with pytest.raises(ValueError, match="grpc-timeout"):
        parse_timeout(value)
