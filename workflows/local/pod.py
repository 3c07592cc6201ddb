"""What a pod is on one machine: a folder of its own, what goes in, a process, and what comes out.

Argo's steps name absolute paths inside a container. Here every attempt has the folder `<run>/<node>/`, and a path
`/out/model` means `<run>/<node>/out/model`: the path placeholders give that, which is why check.py refuses a template
that writes such a path out. Outputs are kept under `<run>/artifacts/<node>/<name>`.
Not here: when a pod starts (operator.py) and what ends it early (engine.py).
Source: argoexec's init, emissary and wait containers of Argo Workflows 4.0.
"""

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from workflows.errors import WorkflowError
from workflows.local import artifacts, durations
from workflows.local.faults import Fault
from workflows.local.model import Template
from workflows.local.process import Process, Reaper, last_line
from workflows.local.status import ERROR, FAILED, RUNNING, SUCCEEDED, Kept, Node, Progress, Values, now
from workflows.local.substitution import substitute

LOG = "main.log"
TOO_LATE = "Pod was active on the node longer than the specified deadline"
PYTHON = ("python", "python3")
PROGRESS = re.compile(r"progress (\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)(?: (.*))?$")
REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")


@dataclass
class _Pod:
    node: Node
    template: Template
    folder: Path
    on_exit: bool
    result: bool  # what it writes to stdout is used
    process: Process | None = None
    stopped: str = ""  # why it must end, if it must
    too_late: bool = False
    task: "asyncio.Task[None] | None" = None
    timer: asyncio.TimerHandle | None = None


@dataclass
class Pods:
    """The pods of one run. `wake` is called when one has ended, `drew` when one has said how far it is."""

    directory: Path
    cwd: Path
    env: Mapping[str, str]
    reaper: Reaper
    wake: Callable[[], None]
    drew: Callable[[], None]
    grace_s: float
    _pods: dict[str, _Pod] = field(default_factory=dict)
    _folders: set[str] = field(default_factory=lambda: {"artifacts"})

    def started(self, node: str) -> bool:
        """The node with this id has had its process started, or is about to."""
        return node in self._pods

    def start(self, node: Node, template: Template, *, on_exit: bool, deadline: datetime | None, result: bool) -> None:
        """Starts a pod. `deadline` is the time after which no attempt of its retries may run."""
        pod = _Pod(node, template, self.directory / self._folder(node), on_exit, result)
        self._pods[node.id] = pod
        node.phase = RUNNING
        limit = _limit(node, template, deadline)
        if limit is not None:
            pod.timer = asyncio.get_running_loop().call_later(max(0.0, limit), self._late, pod)
        pod.task = asyncio.get_running_loop().create_task(self._run(pod))

    def log(self, node: Node) -> Path:
        """Where a node's output is written."""
        return self._pods[node.id].folder / LOG

    def stop(self, why: str, *, on_exit: bool, at_once: bool = False) -> None:
        """Stops every pod; those of the exit handler only where `on_exit` says so."""
        for pod in self._pods.values():
            if not pod.node.fulfilled and (on_exit or not pod.on_exit):
                self._stop(pod, why, at_once=at_once)

    def stop_late(self) -> None:
        """Stops every pod but the exit handler's: the run's own deadline is over."""
        for pod in self._pods.values():
            if not pod.node.fulfilled and not pod.on_exit:
                self._late(pod)

    def _late(self, pod: _Pod) -> None:
        pod.too_late = True
        self._stop(pod, TOO_LATE, at_once=False)

    def _stop(self, pod: _Pod, why: str, *, at_once: bool) -> None:
        asked_before = bool(pod.stopped)
        pod.stopped = pod.stopped or why
        if pod.process and at_once:
            pod.process.kill()
        elif pod.process and not asked_before:
            pod.process.stop(self.grace_s)

    def _folder(self, node: Node) -> str:
        """A name for the node's folder that is easy to find: its path in the workflow, with plain characters only."""
        path = node.name.partition(".")[2] or node.name
        name = re.sub(r"[^A-Za-z0-9._]+", "-", path).strip("-.")[:100] or "node"
        if name in self._folders:
            name = f"{name}-{node.id.rpartition('-')[2]}"
        self._folders.add(name)
        return name

    async def _run(self, pod: _Pod) -> None:
        try:
            await self._run_process(pod)
        except (Fault, OSError, ValueError) as error:  # ValueError: a NUL in a command line, a name that is no UTF-8
            self._end(pod, ERROR, str(error))
        finally:
            if not pod.node.fulfilled:  # a bug here must not leave the run waiting for ever
                self._end(pod, ERROR, "the local engine failed; its traceback says where")
            if pod.timer:
                pod.timer.cancel()
            self.wake()

    async def _run_process(self, pod: _Pod) -> None:
        pod.folder.mkdir(parents=True)
        outputs = pod.template.outputs
        for path in [item.path for item in outputs.artifacts] + [item.path for item in outputs.parameters]:
            # A container brings the folders that its outputs go to, such as /tmp.
            inside(pod.folder, path or "").parent.mkdir(parents=True, exist_ok=True)
        if pod.template.inputs.artifacts:
            await asyncio.to_thread(_place_inputs, pod)
        command, env, cwd = self._command(pod)
        log = pod.folder / LOG
        pod.process = Process(self.reaper, log, lambda line: self._progress(pod.node, line), apart=pod.result)
        if pod.stopped:
            self._end(pod, FAILED, pod.stopped)
            return
        pod.process.start(command, cwd, env)
        code = await pod.process.code
        await self._collect(pod, code)

    def _command(self, pod: _Pod) -> tuple[list[str], dict[str, str], Path]:
        """The command line, the environment and the working directory of a step."""
        template = substitute(pod.template, paths(pod.template, pod.folder))
        process = template.process
        assert process
        own: dict[str, str] = {}
        for name, value in process.env:
            own[name] = _expand(value, own)
        command = [_expand(word, own) for word in (*process.command, *process.args)]
        if process.source:
            script = pod.folder / "script"
            script.write_text(process.source)
            command.append(str(script))
        if command[0] in PYTHON:
            command[0] = sys.executable
        # A child inherits its parent's environment; this is the one place that hands it on.
        return command, {**os.environ, **self.env, **own}, self._working_directory(process.working_dir, pod.folder)

    def _working_directory(self, asked: str, folder: Path) -> Path:
        """The one asked for if it is of the step's own files; any other is of an image, and there is none."""
        own = Path(asked)
        return own if asked and own.is_relative_to(folder) and own.is_dir() else self.cwd

    def _progress(self, node: Node, line: str) -> None:
        match = PROGRESS.match(line.rstrip())
        if match and float(match[2]) > 0:
            node.progress = Progress(float(match[1]), float(match[2]), match[3] or "", now())
            self.drew()

    async def _collect(self, pod: _Pod, code: int) -> None:
        outputs = Values(exit_code=str(code))
        missing = ""
        if pod.template.outputs.parameters or pod.template.outputs.artifacts:
            kept = self.directory / "artifacts" / pod.folder.name
            outputs, missing = await asyncio.to_thread(_keep_outputs, pod, kept, outputs)
        assert pod.process
        pod.node.outputs = replace(outputs, result=_result(pod.process.output) if pod.result else None)
        if pod.too_late:
            self._end(pod, FAILED, TOO_LATE)
        elif code != 0:
            self._end(pod, FAILED, f"main: Error (exit code {code}){pod.process.why}")
            pod.node.detail = pod.stopped or last_line(pod.folder / LOG)
        elif missing:
            self._end(pod, ERROR, f"wait: Error (exit code 64): {missing}")
        else:
            self._end(pod, SUCCEEDED, "")

    def _end(self, pod: _Pod, phase: str, message: str) -> None:
        pod.node.phase, pod.node.message, pod.node.finished = phase, message, now()


def _limit(node: Node, template: Template, deadline: datetime | None) -> float | None:
    """How many seconds a pod may run. Raises: Fault."""
    limits = []
    try:
        if template.timeout:
            limits.append(durations.seconds(template.timeout) - node.seconds())
        if template.active_deadline:
            limits.append(float(template.active_deadline))
    except (ValueError, WorkflowError) as error:
        raise Fault(f"invalid timeout format. {error}") from None
    if deadline:
        limits.append((deadline - now()) / timedelta(seconds=1))
    return min(limits, default=None)


def paths(template: Template, folder: Path) -> dict[str, str]:
    """The tags that give a path, and the path in the attempt's own folder."""
    inputs = {f"inputs.artifacts.{item.name}.path": item.path for item in template.inputs.artifacts}
    outputs = {f"outputs.artifacts.{item.name}.path": item.path for item in template.outputs.artifacts}
    files = {f"outputs.parameters.{item.name}.path": item.path for item in template.outputs.parameters}
    everything = {**inputs, **outputs, **files}
    return {tag: str(inside(folder, path)) for tag, path in everything.items() if path}


def inside(folder: Path, path: str) -> Path:
    """Where a container's absolute path is in an attempt's folder. Raises: Fault where it would lead out of it."""
    if ".." in path.split("/"):
        raise Fault(f"path `{path}` leads out of the step's folder")
    return folder / path.lstrip("/")


def _place_inputs(pod: _Pod) -> None:
    for artifact in pod.template.inputs.artifacts:
        target = inside(pod.folder, artifact.path or artifact.name)
        if artifact.raw is not None:
            artifacts.write(artifact.raw, target)
        elif artifact.kept is not None:
            artifacts.place(artifact.kept, target, artifact.sub_path)


def _keep_outputs(pod: _Pod, kept: Path, values: Values) -> tuple[Values, str]:
    """Keeps what a step has written; says what is missing."""
    found, files, missing = [], [], []
    for parameter in pod.template.outputs.parameters:
        value = parameter.value
        if parameter.path:
            value = _read(inside(pod.folder, parameter.path), parameter.fallback)
        if value is None:
            missing.append(f"the file of output parameter `{parameter.name}` was not written")
        found.append(Kept(parameter.name, value, global_name=parameter.global_name))
    for artifact in pod.template.outputs.artifacts:
        source = inside(pod.folder, artifact.path or artifact.name)
        if source.exists():
            artifacts.keep(source, kept / artifact.name)
            files.append(Kept(artifact.name, path=kept / artifact.name, global_name=artifact.global_name))
        elif not artifact.optional:
            missing.append(f"output artifact `{artifact.name}` was not written")
    return replace(values, parameters=tuple(found), artifacts=tuple(files)), "; ".join(missing)


def _read(path: Path, fallback: str | None) -> str | None:
    with contextlib.suppress(FileNotFoundError, IsADirectoryError):
        return path.read_text(errors="replace").removesuffix("\n")
    return fallback


def _result(output: bytes) -> str:
    return output.decode(errors="replace").removesuffix("\n")


def _expand(text: str, env: Mapping[str, str]) -> str:
    """Kubernetes' `$(NAME)`: a variable that the container declares; `$$` stands for one `$`."""
    return REFERENCE.sub(lambda match: "$" if match[1] is None else env.get(match[1], match[0]), text)
