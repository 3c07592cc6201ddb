import pytest

from serving.core.resource_tracker import ResourceTracker, estimate_ram_bytes
from serving.core.servable_id import ServableId
from serving.errors import ServingError

ONE, TWO = ServableId("m", 1), ServableId("m", 2)


def test_without_a_total_everything_fits():
    """The book only adds up."""
    tracker = ResourceTracker()
    tracker.reserve(ONE, 1 << 60)
    tracker.reserve(TWO, 1 << 60)

    assert 1 << 61 == tracker.reserved_bytes

    tracker.release(ONE)
    tracker.release(ONE)

    assert 1 << 60 == tracker.reserved_bytes


def test_what_does_not_fit_is_refused():
    """And takes nothing."""
    tracker = ResourceTracker(total_bytes=100)
    tracker.reserve(ONE, 60)
    with pytest.raises(ServingError) as refused:
        tracker.reserve(TWO, 60)

    assert (
        "RESOURCE_EXHAUSTED: Insufficient resources to load servable {name: m version: 2}"
    ) == refused.value.status()
    assert 60 == tracker.reserved_bytes


def test_an_estimate_from_files(tmp_path):
    """Of all folders below, and a fifth more."""
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"x" * 100)
    (tmp_path / "variables" / "data").write_bytes(b"x" * 900)

    assert 1200 == estimate_ram_bytes(str(tmp_path))
    assert 0 == estimate_ram_bytes(str(tmp_path / "none"))
