"""A run as a tree in the terminal, as `argo watch` shows it, with a bar where a step says how far it is.

Where stdout is no terminal, each change is one line instead. Not here: what the state means (status.py).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from workflows.local.status import ERROR, FAILED, OMITTED, PENDING, RUNNING, SKIPPED, SUCCEEDED, Node, Progress, Status
from workflows.local.status import now as utc_now

SYMBOLS = {
    SUCCEEDED: ("✔", "green"),
    FAILED: ("✖", "red"),
    ERROR: ("✖", "red"),
    RUNNING: ("●", "cyan"),
    PENDING: ("◷", "yellow"),
    SKIPPED: ("○", "dim"),
    OMITTED: ("○", "dim"),
}
GROUPS = ("Retry", "TaskGroup")
INNER = ("DAG", "Steps", "StepGroup", *GROUPS)
BAR = 20
REFRESHES_PER_SECOND = 4
LINE_EVERY = timedelta(seconds=10)
TENTHS_BELOW_S, MINUTE_S, HOUR_S = 9.95, 60, 3600


def watcher(console: Console | None = None) -> "Tree | Lines":
    """A live tree for a terminal, plain lines for anything else."""
    console = console or Console()
    return Tree(console) if console.is_terminal else Lines(console)


class Tree:
    """Draws the tree anew a few times a second, in a thread of its own, so that drawing never holds up the run."""

    def __init__(self, console: Console) -> None:
        self._status: Status | None = None
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=REFRESHES_PER_SECOND)

    def changed(self, status: Status) -> None:
        """Takes the state to draw next time."""
        first, self._status = self._status is None, status
        if first:
            self._live.start()

    def close(self, status: Status) -> None:
        """Draws the end."""
        self.changed(status)
        self._live.stop()

    def _render(self) -> RenderableType:
        return render(self._status) if self._status else Text()


class Lines:
    """Prints one line when a node starts or ends, and now and then how far a step is."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._phases: dict[str, str] = {}
        self._said: dict[str, datetime] = {}
        self._explained: set[tuple[str, str]] = set()

    def changed(self, status: Status) -> None:
        """Prints what is new."""
        for node in status.nodes.values():
            if node.type not in INNER:
                self._print(node)

    def close(self, status: Status) -> None:
        """Prints how the run ended."""
        self.changed(status)
        self._line(Text.assemble(_symbol(status.phase), f" {status.name} {status.phase} {_run_time(status)}"))
        if status.message:
            self._line(Text(f"  {status.message}"))

    def _print(self, node: Node) -> None:
        moment = utc_now()
        if self._phases.get(node.id) != node.phase or self._explains(node):
            self._phases[node.id] = node.phase
            self._said[node.id] = moment
            self._line(Text.assemble(_symbol(node.phase), f" {path(node)} {_time(node)} ", _message(node)))
        elif node.progress and node.phase == RUNNING and moment - self._said[node.id] >= LINE_EVERY:
            self._said[node.id] = moment
            self._line(Text.assemble(_symbol(node.phase), f" {path(node)} ", _bar(node, node.progress, moment)))

    def _explains(self, node: Node) -> bool:
        """Why a node waits is known later than that it does; each kind of reason is said once."""
        reason = (node.id, (node.message or node.detail).partition(":")[0])
        if node.phase != PENDING or not reason[1] or reason in self._explained:
            return False
        self._explained.add(reason)
        return True

    def _line(self, text: Text) -> None:
        text.rstrip()
        self._console.print(text, soft_wrap=True, highlight=False)


def path(node: Node) -> str:
    """A node's name without the workflow's; the first attempt of a step is the step to a reader."""
    name = node.name.partition(".")[2] or node.name
    return name.removeprefix("onExit[0].").removesuffix("(0)")


def render(status: Status, moment: datetime | None = None) -> RenderableType:
    """The whole run: a line for itself, then one for each node.

    `moment` is the time to reckon with, now if it is not given.
    """
    moment = moment or utc_now()
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    head = Text.assemble(_symbol(status.phase), " ", (status.name, "bold"))
    table.add_row(head, _run_time(status, moment), Text(status.message or status.phase))
    for guide, node in _walk(status):
        name = Text.assemble((guide, "dim"), _symbol(node.phase), " ", node.display_name)
        table.add_row(name, _time(node, moment), _message(node, moment))
    return table


def _walk(status: Status) -> Iterator[tuple[str, Node]]:
    """Every node that is shown, in order, with the lines that lead to it."""
    nodes = {node.id: node for node in list(status.nodes.values())}
    grouped = {child: node.id for node in nodes.values() if node.type in GROUPS for child in node.children}
    below: dict[str, list[Node]] = {}
    for node in nodes.values():
        parent = grouped.get(node.id)
        same = parent in nodes and nodes[parent].boundary_id == node.boundary_id if parent else False
        below.setdefault(parent if parent and same else node.boundary_id, []).append(node)
    tops = below.pop("", [])
    entry = tops[:1]
    if entry and entry[0].id in below:  # the entrypoint's own line would only repeat the run's
        tops = below.pop(entry[0].id) + tops[1:]
    yield from _branch(tops, below, "")


def _branch(nodes: list[Node], below: dict[str, list[Node]], guide: str) -> Iterator[tuple[str, Node]]:
    shown = [node for node in nodes if node.type != "StepGroup"]
    for index, node in enumerate(shown):
        last = index == len(shown) - 1
        inner = below.get(node.id, [])
        line = node
        if node.type == "Retry" and len(inner) == 1:
            line, inner = _merged(node, inner[0]), below.get(inner[0].id, [])
        yield guide + ("└─" if last else "├─"), line
        yield from _branch(inner, below, guide + ("  " if last else "│ "))


def _merged(parent: Node, attempt: Node) -> Node:
    """A retried node with one attempt is shown as that attempt, under its own name."""
    shown = {**vars(attempt), "display_name": parent.display_name, "message": parent.message or attempt.message}
    return Node(**shown)


def _symbol(phase: str) -> tuple[str, str]:
    return SYMBOLS.get(phase, ("?", "red"))


def _message(node: Node, moment: datetime | None = None) -> Text:
    if node.phase == RUNNING and node.progress:
        return _bar(node, node.progress, moment or utc_now())
    text = ": ".join(part for part in (node.message, node.detail.removeprefix("error: ")) if part)
    return Text(text, style="red" if node.unsuccessful else "dim")


def _bar(node: Node, progress: Progress, moment: datetime) -> Text:
    """A bar, the count, what the step says, and how long it will still take at this pace."""
    share = min(1.0, progress.done / progress.total)
    full = round(share * BAR)
    text = Text.assemble(("━" * full, "cyan"), ("─" * (BAR - full), "dim"))
    text.append(f" {progress.done:g}/{progress.total:g} {progress.text}".rstrip())
    if 0 < share < 1:
        pace = (progress.at - node.started).total_seconds() / progress.done
        left = pace * (progress.total - progress.done) - (moment - progress.at).total_seconds()
        text.append(f" · {duration(max(0.0, left))} left", style="dim")
    return text


def _time(node: Node, moment: datetime | None = None) -> str:
    if node.phase in (SKIPPED, OMITTED, PENDING):
        return ""
    return duration(((node.finished or moment or utc_now()) - node.started).total_seconds())


def _run_time(status: Status, moment: datetime | None = None) -> str:
    if status.started is None:
        return ""
    return duration(((status.finished or moment or utc_now()) - status.started).total_seconds())


def duration(seconds: float) -> str:
    """Seconds as people read them: 0.4 s, 12 s, 3 m 05 s, 2 h 10 m."""
    whole = round(seconds)
    if seconds < TENTHS_BELOW_S:
        return f"{seconds:.1f} s"
    if whole < MINUTE_S:
        return f"{whole} s"
    if whole < HOUR_S:
        return f"{whole // 60} m {whole % 60:02d} s"
    return f"{whole // HOUR_S} h {whole % HOUR_S // 60:02d} m"
