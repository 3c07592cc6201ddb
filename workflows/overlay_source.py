"""OverlaySource: the Source whose aspired versions are what a git overlay names. `shipway serve` is this and a server.

What Argo CD does on a cluster: it follows a branch, renders the overlay with the real kustomize, and says what ought to
run. An overlay that does not render, or names a version that the store does not have whole, changes nothing that
serves. Not here: loading and answering (serving/).
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from serving.core.servable_data import ServableData
from serving.core.servable_id import ServableId
from serving.errors import FailedPrecondition
from workflows.errors import ShipwayError, StoreError
from workflows.history import events, overlay_at
from workflows.kustomize import render_at, servers
from workflows.repository import Repository, run
from workflows.store import find, require_digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from serving.core.source import AspiredVersionsCallback
    from workflows.overlay import Pin

BRANCH = "main"
INTERVAL_S = 0.25
RETRY_S = 2.0  # until a refused version is looked at again


class OverlaySource:
    """Follows one environment of a remote in a thread of its own.

    Args:
      remote: Path or URL of the git remote.
      environment: A folder of kustomize/overlays.
      store: The model store that its versions are taken from.
      mirror: Where a bare clone of the remote may be kept; made anew if it is missing.
      tell: Called with one sentence at each change and each new error, from the source's thread.
      interval_s: Seconds between two looks at the remote.
    """

    def __init__(
        self,
        *,
        remote: str,
        environment: str,
        store: Path,
        mirror: Path,
        tell: Callable[[str], None],
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._remote = remote
        self._environment = environment
        self._store = store
        self._mirror = Repository.clone(remote, mirror, branch=BRANCH, bare=True)
        overlay_at(self._mirror, BRANCH, environment)  # refuses an unknown environment, and lists the known ones
        self._tell = tell
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._seen = ""
        self._error = ""
        self._wanted: dict[str, Pin] | None = None
        self._commits: dict[str, str] = {}
        self._good: dict[str, ServableData[str]] = {}
        self._refused: dict[str, Pin] = {}
        self._repaired: dict[str, ServableData[str]] = {}
        self._next_try = 0.0

    def set_aspired_versions_callback(self, callback: AspiredVersionsCallback) -> None:
        """Syncs once, so that the first error reaches the caller, then goes on in the thread.

        Raises: OverlayError (the overlay does not render), RepositoryError (the remote is out of reach).
        """
        self.sync(callback)
        self._thread = threading.Thread(target=self._follow, args=(callback,), name="overlay-source", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Follows no more; returns when the thread has ended."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def release_commit(self, servable_id: ServableId) -> str:
        """The commit that brought the model's present version into the environment; empty for a model not in it."""
        return self._commits.get(servable_id.name, "")

    def sync(self, callback: AspiredVersionsCallback) -> None:
        """Looks at the remote; if its branch has moved, says which versions ought to run.

        Raises: OverlayError, RepositoryError; what serves stays as it is.
        """
        outcome = run("ls-remote", "--exit-code", self._remote, f"refs/heads/{BRANCH}", cwd=self._mirror.path)
        commit = outcome.stdout.decode().partition("\t")[0]
        if commit and commit == self._seen:
            self._try_again(callback)
            return
        commit = self._mirror.fetch(BRANCH)
        wanted = {server.model: server.pin for server in servers(render_at(self._mirror, commit, self._environment))}
        if wanted != self._wanted:
            names = ", ".join(f"{model} {pin.version}" for model, pin in wanted.items()) or "no model"
            self._tell(f"{self._environment} at commit {commit[:12]} names {names}")
            self._refused, self._repaired = {}, {}
            self._commits = {model: self._released(commit, model) for model in wanted}
            for model, pin in wanted.items():
                callback(model, [self._aspired(model, pin)])
            for model in set(self._wanted or {}) - set(wanted):
                callback(model, [])
        self._wanted, self._seen = wanted, commit

    def _released(self, commit: str, model: str) -> str:
        event = next(events(self._mirror, commit, self._environment, model), None)
        return event.commit.id if event else ""

    def _aspired(self, model: str, pin: Pin) -> ServableData[str]:
        """The version's folder, or the error for which it must not be loaded."""
        servable = ServableId(model, int(pin.version))
        try:
            self._good[model] = self._whole(model, pin)
        except StoreError as error:
            self._tell(f"refused: {error}")
            self._refused[model] = pin
            self._next_try = time.monotonic() + RETRY_S
            return ServableData(servable, FailedPrecondition(str(error)))
        return self._good[model]

    def _whole(self, model: str, pin: Pin) -> ServableData[str]:
        folder = find(self._store, model, pin.version)
        require_digest(folder, pin.digest)
        return ServableData(ServableId(model, int(pin.version)), str(folder))

    def _try_again(self, callback: AspiredVersionsCallback) -> None:
        """Aspires to a refused version after it was repaired.

        A manager never tries a failed version again while it stays aspired, so for one look the version before is.
        """
        for model, data in self._repaired.items():
            self._good[model] = data
            callback(model, [data])
        self._repaired = {}
        if time.monotonic() < self._next_try:
            return
        self._next_try = time.monotonic() + RETRY_S
        for model, pin in list(self._refused.items()):
            with contextlib.suppress(StoreError):
                self._repaired[model] = self._whole(model, pin)
                del self._refused[model]
                self._tell(f"{model} {pin.version} is whole now")
                callback(model, [self._good[model]] if model in self._good else [])

    def _follow(self, callback: AspiredVersionsCallback) -> None:
        while not self._stop.wait(self._interval_s):
            try:
                self.sync(callback)
                error = ""
            except ShipwayError as problem:
                error = str(problem)
            if error not in {"", self._error}:
                self._tell(f"{error}; what serves stays as it is")
            self._error = error
