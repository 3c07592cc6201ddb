import math

import pytest

from workflows.report import formats


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("metric", 0.98412, "0.9841"),
        ("metric", 0.00001, "1e-05"),
        ("metric", math.nan, "not a number"),
        ("metric", None, "–"),  # noqa: RUF001 - what the page shows
        ("signed", 0.00289, "+0.0029"),
        ("signed", -0.00001, "0.0000"),
        ("difference", 0.0, "0"),
        ("difference", 3.1e-8, "3.1e-08"),
        ("duration", 0.42, "0.42 s"),
        ("duration", 12.34, "12.3 s"),
        ("duration", 59.97, "1 min 0 s"),
        ("duration", 83.0, "1 min 23 s"),
        ("duration", 7500.0, "2 h 5 min"),
        ("duration", math.inf, "–"),  # noqa: RUF001 - what the page shows
        ("milliseconds", 1.213, "1.21 ms"),
        ("milliseconds", 121.3, "121 ms"),
        ("megabytes", 512.3, "512 MB"),
        ("megabytes", 2048.0, "2.0 GB"),
        ("size", 612345, "612.3 kB"),
        ("size", 12, "12 bytes"),
        ("whole", 34826, "34,826"),
        ("percent", 0.032, "3.2 %"),
    ],
)
def test_numbers_as_a_reader_wants_them(name, value, written):
    """Few digits, a unit, and words for what is no number."""
    assert written == getattr(formats, name)(value)
