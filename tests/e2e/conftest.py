"""The team's installation that the end-to-end tests share, and the table of times that they print at the end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e import site as sites

TIMES: dict[str, float] = {}


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sites.Site]:
    """A clone that the cluster follows; taken off the cluster again."""
    made = sites.make(tmp_path_factory.mktemp("site"))
    try:
        sites.install(made)
        with sites.git_host():
            yield made
    finally:
        sites.remove()


@pytest.fixture(scope="session")
def timed() -> Callable[[str], Any]:
    """Notes how long a block takes, for the table."""

    @contextmanager
    def note(what: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        TIMES[what] = time.monotonic() - started

    return note


@pytest.fixture(scope="session")
def note() -> Callable[[str, float], None]:
    """Notes a number of seconds for the table."""
    return TIMES.__setitem__


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table."""
    if TIMES:
        terminalreporter.section("times on this cluster")
        for what, seconds in TIMES.items():
            terminalreporter.line(f"{seconds:8.1f} s  {what}")
