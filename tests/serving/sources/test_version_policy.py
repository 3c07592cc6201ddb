import pytest

from serving.sources.version_policy import All, Latest, Specific, aspired_versions, version_number, versions_found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1", 1),
        ("0", 0),
        ("00017", 17),
        ("+3", 3),
        (" 4 ", 4),
        ("20261122143000", 20261122143000),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("-1", None),
        ("2.denied", None),
        ("tmp", None),
        ("", None),
        ("1e3", None),
        ("0x1", None),
        ("٣", None),
    ],
)
def test_which_names_are_versions(name, expected):
    """As absl::SimpleAtoi reads an int64."""
    assert expected == version_number(name)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Latest(), [20]),
        (Latest(2), [20, 3]),
        (Latest(9), [20, 3, 1]),
        (Latest(0), [20]),
        (All(), [20, 3, 1]),
        (Specific(frozenset({1, 3})), [3, 1]),
        (Specific(frozenset({7})), []),
        (Specific(frozenset()), []),
    ],
)
def test_which_versions_are_aspired(policy, expected):
    """The policies of a model's config, on versions 1, 3 and 20."""
    assert expected == aspired_versions(versions_found(["3", "20", "001", "tmp"]), policy)


def test_two_names_of_one_version():
    """One is used."""
    assert {1: "1"} == versions_found(["1", "001"])
