"""Carries a plan out: one server at a time, started, asked, stopped; what fails is noted and the run goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench import plan as plans
from tests.bench.environments import ROOT
from tests.bench.load.client import Load, connector
from tests.bench.load.errors import BadAnswer
from tests.bench.load.first_answer import wait_for_answer
from tests.bench.processes import free_ports, memory, running
from tests.bench.results import Call, Figure, Results, Start
from tests.bench.targets import Place, case, command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.bench.plan import Cell, Phase, Plan
    from tests.bench.processes import Running
    from tests.bench.targets import Target

_START_S = 90.0
_CLIENT_S = 120.0
_TRIES = 2
_CALL_SHARE = 0.5
MODELS = ("mlp", "cnn", "image")


class Runner:
    """Runs a plan over peers whose Python is in `pythons`. `tell(what)` hears of each step ahead of it."""

    def __init__(self, plan: Plan, pythons: Mapping[str, Path], models: Path, scratch: Path) -> None:
        self.results = Results()
        self._plan = plan
        self._pythons = pythons
        self._models = models
        self._scratch = scratch
        self._broken: Counter[tuple[str, Phase]] = Counter()

    def run(self, tell: Callable[[str, int], None]) -> Results:
        """All repetitions; `tell(what, done)` with how many of `steps()` are done."""
        done = 0
        for repetition in range(self._plan.repetitions):
            tell(f"repetition {repetition + 1}: the bare call", done)
            self._calls()
            for target, phase in plans.order(list(self._pythons), repetition):
                tell(f"repetition {repetition + 1}: {target.title}, {' and '.join(phase.models)}", done)
                if self._broken[target.name, phase] < _TRIES:
                    self._phase(target, phase)
                done += weight(target, phase)
        tell("done", done)
        return self.results

    def steps(self) -> int:
        """How much there is to do, in the unit that `tell` is told."""
        return self._plan.repetitions * sum(weight(t, p) for t, p in plans.order(list(self._pythons), 0))

    def _calls(self) -> None:
        seconds = str(_CALL_SHARE * self._plan.seconds)
        line = [sys.executable, "-m", "tests.bench.limits.bare_call", str(self._models), seconds, *MODELS]
        done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=_CLIENT_S, check=False)
        if done.returncode:
            self.results.failures["bare call"] = last_line(done.stderr)
            return
        for model, batches in json.loads(done.stdout).items():
            self.results.calls += [Call(model, int(batch), **figures) for batch, figures in batches.items()]

    def _phase(self, target: Target, phase: Phase) -> None:
        ports = free_ports(2)
        python = self._pythons.get(target.name, Path(sys.executable))
        place = Place(python, self._models, phase.models, ports[0], ports[1], self._scratch)
        line, environment = command(target, place)
        log = self._scratch / f"{target.name}.log"
        with running(line, environment, self._scratch / target.name, log) as server:
            try:
                self._started(target, phase, place, server)
            except BadAnswer as error:
                self._broken[target.name, phase] += 1
                self.results.failures[f"{target.title}, {' and '.join(phase.models)}"] = f"{error}; {server.tail(1)}"
                return
            for cell in plans.cells(target, phase):
                self._cell(target, cell, place, server)

    def _started(self, target: Target, phase: Phase, place: Place, server: Running) -> None:
        for model in phase.models:
            load = self._load(target, plans.Cell(model, "rest", 1), place, server.mark)
            first = wait_for_answer(load.port, connector(load), lambda: server.process.poll() is None, _START_S)
        if phase.cold:
            seen = memory(server.mark)
            self.results.starts.append(Start(target.name, first - server.started, **asdict(seen)))

    def _cell(self, target: Target, cell: Cell, place: Place, server: Running) -> None:
        load = self._load(target, cell, place, server.mark)
        try:
            measured = measured_apart(load)
        except BadAnswer as error:
            what = f"{target.title}, {cell.model} by {cell.protocol}, {cell.connections} clients"
            self.results.failures[what] = str(error)
            return
        where = asdict(cell)
        self.results.figures.append(Figure(target.name, **where, **measured))

    def _load(self, target: Target, cell: Cell, place: Place, mark: str) -> Load:
        form, known = target.forms[cell.protocol], case(self._models, cell.model)
        body = self._scratch / f"{target.name}.{cell.model}.{cell.protocol}"
        if not body.exists():
            body.write_bytes(form.body(cell.model, known.x))
        return Load(
            port=place.grpc_port if cell.protocol == "grpc" else place.rest_port,
            protocol=cell.protocol,
            path=form.path.format(model=cell.model),
            body=str(body),
            expected=known.y.tolist(),
            connections=cell.connections,
            seconds=self._plan.seconds,
            mark=mark,
        )


def measured_apart(load: Load) -> dict[str, Any]:
    """What the load client measures as a process of its own.

    Raises:
        BadAnswer: it failed; the message is its reason.
    """
    line = [sys.executable, "-m", "tests.bench.load.client"]
    try:
        done = subprocess.run(
            line,
            input=json.dumps(asdict(load)),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=_CLIENT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BadAnswer(f"the load client was not done within {_CLIENT_S:.0f} s") from None
    if done.returncode:
        raise BadAnswer(last_line(done.stderr))
    return dict(json.loads(done.stdout))


def weight(target: Target, phase: Phase) -> int:
    """How long a phase takes, in about the seconds of a cell: its cells, and twice that for the start."""
    return len(plans.cells(target, phase)) + 2


def last_line(text: str) -> str:
    """The line that says what went wrong."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no reason given")[:300]
