"""The value of `grpc-timeout`.

Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
"""

from __future__ import annotations

import re

_SECONDS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_timeout = re.compile(rb"([0-9]{1,8}) *([HMSmun])").fullmatch


def parse_timeout(value: bytes) -> float:
    """Seconds. Raises ValueError for anything that is not up to 8 digits and a unit."""
    found = _timeout(value)
    if not found:
        raise ValueError(f"grpc-timeout {value!r} is not up to 8 digits and one of H, M, S, m, u, n")
    return int(found[1]) * _SECONDS[found[2]]
