"""Which tests share a process when `make test` runs two: those of a file, and all of training (one trained model)."""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

LONGEST = ("tests/workflows/test_main_job.py", "tests/training")


def group(nodeid: str) -> str:
    """The name of the tests that stay together, so that an expensive fixture is made once."""
    path = nodeid.partition("::")[0]
    return "tests/training" if path.startswith("tests/training/") else path


class Groups(LoadScopeScheduling):
    """Gives a whole group to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    """How tests are dealt out; not by `--dist=loadgroup`, whose marks xdist 3.8 does not see with pytest 9.2."""
    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest groups first, so that neither process is left with one at the end."""
    names = [group(item.nodeid) for item in items]
    places = {item: LONGEST.index(n) if n in LONGEST else len(LONGEST) for item, n in zip(items, names, strict=True)}
    items.sort(key=places.__getitem__)
