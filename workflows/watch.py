"""Follows a run on a cluster to its end, and fetches what is worth keeping of it.

Asked once a second: a poll needs nothing of a connection, so neither a server that restarts nor a laptop that sleeps
ends it. Not here: how Argo's answers read as a run (follow.py), how it is drawn (local/tree.py).
"""

from __future__ import annotations

import json
import tarfile
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflows import follow, run
from workflows.errors import ClusterError, NotOnCluster
from workflows.local.status import FILE_NAME, now
from workflows.submit import MODEL_LABEL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflows.argo_server import ArgoServer
    from workflows.local import Progress, Status, Watcher

POLL_S = 1.0
SILENT_S = 5.0  # a pod that waits for longer without a word is asked about
EVENTS_EVERY_S = 10.0
LINES = 20  # of the log of a failed step
KEPT = (("report", "page"), ("release", "report"))  # by step: the artifacts that are fetched


class Following:
    """One run that is followed; `document` is the Workflow as it was seen last."""

    def __init__(self, server: ArgoServer, name: str, watch: Watcher | None = None) -> None:
        self.document: dict[str, Any] = {"metadata": {"name": name}}
        self.words: dict[str, list[str]] = {}  # by node id, the last lines of the failed steps
        self._server, self._name, self._watch = server, name, watch
        self._waits: dict[str, str] = {}
        self._asked: dict[str, float] = {}

    def to_the_end(self) -> None:
        """Shows every change until there will be none.

        Raises: NotOnCluster (no such run, or it was deleted meanwhile); ClusterError (the server is gone for good).
        """
        try:
            while not follow.finished(self._look()):
                time.sleep(POLL_S)
        finally:
            self._close()

    def status(
        self, *, progress: Mapping[str, Progress] | None = None, fetched: Mapping[tuple[str, str], Path] | None = None
    ) -> Status:
        """The run in the terms of the local engine."""
        details = {node: follow.last_line(lines) for node, lines in self.words.items()}
        return follow.status_of(self.document, details={**self._waits, **details}, progress=progress, fetched=fetched)

    def waiting(self, sentence: str) -> None:
        """Shows that the server has to be asked again."""
        if self._watch and self._seen:
            self._watch.changed(replace(self.status(), message=sentence))

    @property
    def _seen(self) -> bool:
        return "status" in self.document

    def _look(self) -> dict[str, Any]:
        try:
            self.document = self._server.workflow(self._name)
        except NotOnCluster as error:
            what = "was deleted while it was followed" if self._seen else "is not there"
            raise NotOnCluster(f"the run {self._name} {what}: {error}") from None
        self._ask_about_failures()
        if self._watch:
            self._ask_about_silence()
            self._watch.changed(self.status(progress=self._progress()))
        return self.document

    def _close(self) -> None:
        if self._watch and self._seen:
            self._watch.close(self.status())

    def _progress(self) -> dict[str, Progress]:
        found = {node["id"]: follow.last_progress(self._log(node), now()) for node in follow.running(self.document)}
        return {node: progress for node, progress in found.items() if progress}

    def _ask_about_failures(self) -> None:
        for node in follow.failed(self.document):
            if node["id"] not in self.words:
                self.words[node["id"]] = follow.own_words(self._log(node) or self._kept_log(node))

    def _ask_about_silence(self) -> None:
        self._waits = {
            node["id"]: self._warning(node) for node in follow.silent(self.document, now(), patience_s=SILENT_S)
        }

    def _warning(self, node: Mapping[str, Any]) -> str:
        """What Kubernetes warned of last; asked now and then, since Argo does not say."""
        known = self._waits.get(node["id"], "")
        moment = time.monotonic()
        if moment - self._asked.get(node["id"], -EVENTS_EVERY_S) < EVENTS_EVERY_S:
            return known
        self._asked[node["id"]] = moment
        return follow.telling(self._server.warnings(follow.pod_name(self._name, node))) or known

    def _log(self, node: Mapping[str, Any]) -> list[str]:
        return self._server.log(self._name, follow.pod_name(self._name, node), LINES)

    def _kept_log(self, node: Mapping[str, Any]) -> list[str]:
        """The same from the artifact store, where the pod is gone."""
        if "main-logs" not in follow.artifacts(node):
            return []
        with tempfile.TemporaryDirectory(prefix="shipway-log-") as folder:
            path = Path(folder) / "main.log"
            self._server.artifact(self._name, node["id"], "main-logs", path)
            return path.read_text(encoding="utf-8", errors="replace").splitlines()[-LINES:]


def stop(server: ArgoServer, name: str) -> None:
    """Stops a run; its exit handler still runs. One that was told before ends at once, one that has ended is left.

    Raises: NotOnCluster (no such run); ClusterError.
    """
    document = server.workflow(name)
    if not follow.finished(document):
        server.stop(name, at_once=bool((document.get("spec") or {}).get("shutdown")))


def newest(server: ArgoServer) -> str:
    """The name of the run that was made last, by whomever. Raises: NotOnCluster (there is none)."""
    found = server.workflows()
    if not found:
        raise NotOnCluster(f"there is no run in namespace {server.address.namespace}: start one with `shipway submit`")
    latest = max(found, key=lambda item: (item["metadata"]["creationTimestamp"], item["metadata"]["name"]))
    return str(latest["metadata"]["name"])


def fetch(server: ArgoServer, following: Following, runs: Path) -> run.Run:
    """Keeps a run that has ended in a folder of `runs`, as one of this machine: its state, its page, what it released.

    An artifact that cannot be had any more is left out.
    """
    document = following.document
    name = document["metadata"]["name"]
    directory = runs / name
    directory.mkdir(parents=True, exist_ok=True)
    (directory / FILE_NAME).write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")
    fetched: dict[tuple[str, str], Path] = {}
    for node in follow.nodes_of(document):
        for artifact in follow.artifacts(node):
            if (node["displayName"], artifact) in KEPT:
                path = _unpacked(server, name, node["id"], artifact, directory / "artifacts" / node["id"])
                fetched |= {(node["id"], artifact): path} if path else {}
    return run.outcome(following.status(fetched=fetched), model_of(document), directory)


def model_of(document: Mapping[str, Any]) -> str:
    """The model that a run trains."""
    given = ((document.get("spec") or {}).get("arguments") or {}).get("parameters") or []
    named = [item.get("value", "") for item in given if item["name"] == "model"]
    return str(named[0] if named else (document["metadata"].get("labels") or {}).get(MODEL_LABEL, ""))


def _unpacked(server: ArgoServer, name: str, node: str, artifact: str, folder: Path) -> Path | None:
    """The file or folder of an artifact; Argo packs both into an archive unless it is told otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    packed = folder / f".{artifact}"
    try:
        server.artifact(name, node, artifact, packed)
        if not tarfile.is_tarfile(packed):
            return packed.rename(folder / artifact)
        with tarfile.open(packed) as archive:
            top = archive.getnames()[0].partition("/")[0]
            archive.extractall(folder, filter="data")
        packed.unlink()
    except (ClusterError, tarfile.TarError, IndexError):
        return None
    return folder / top
