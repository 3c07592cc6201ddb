"""Which tests share a process when `make test` runs two: those of a file, all of training (one trained model), and all
of the conformance tests (one server).
"""

from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

# How long an example takes says how busy the machine is, and nothing of what is tested.
hypothesis.settings.register_profile("shipway", deadline=None)
hypothesis.settings.load_profile("shipway")

FOLDERS = ("tests/training", "tests/serving/conformance")
LONGEST = ("tests/workflows/test_main_job.py", *FOLDERS)


def group(nodeid: str) -> str:
    """The name of the tests that stay together, so that an expensive fixture is made once."""
    path = nodeid.partition("::")[0]
    return next((folder for folder in FOLDERS if path.startswith(f"{folder}/")), path)


class Groups(LoadScopeScheduling):
    """Gives a whole group to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    """How tests are dealt out; not by `--dist=loadgroup`, whose marks xdist 3.8 does not see with pytest 9.2."""
    return Groups(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--e2e`: without it a plain `pytest` never touches a cluster, whatever KUBECONFIG says."""
    parser.addoption("--e2e", action="store_true", help="also run what needs the cluster that KUBECONFIG names")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what needs a cluster, and puts the longest groups first, so that no process is left with one."""
    if not config.getoption("--e2e"):
        items[:] = [item for item in items if item.get_closest_marker("e2e") is None]
    names = [group(item.nodeid) for item in items]
    places = {item: LONGEST.index(n) if n in LONGEST else len(LONGEST) for item, n in zip(items, names, strict=True)}
    items.sort(key=places.__getitem__)
