"""Which tests share a process when `make test` runs two: those of a file, and all of training (one trained model)."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LONGEST = ("workflows/test_main_job.py", "training")


def group(path: Path) -> str:
    """The name of the tests that stay together, so that an expensive fixture is made once."""
    return "training" if path.parts[0] == "training" else path.as_posix()


# First, since xdist reads the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups the tests, the longest groups first, so that neither process is left with one at the end."""
    groups = {item: group(item.path.relative_to(TESTS)) for item in items}
    items.sort(key=lambda item: LONGEST.index(groups[item]) if groups[item] in LONGEST else len(LONGEST))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(groups[item]))
