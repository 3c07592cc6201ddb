"""The figures of a run as a Markdown page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.markdown import NOTHING, number, spanned, table, times
from tests.bench.plan import Cell
from tests.bench.summary import Digest, disturbance, goals
from tests.bench.targets import BATCHING, ECHO, PEERS_BY_NAME, SHIPWAY

if TYPE_CHECKING:
    from tests.bench.results import Results
    from tests.bench.summary import Spread
    from tests.bench.targets import Target

TARGETS = (SHIPWAY, *PEERS_BY_NAME.values())
WORDS = {"grpc": "gRPC", "rest": "REST"}
MODELS = ("mlp", "cnn", "image")
MIB = 2**20

HEAD = """\
# The model server beside its peers

Written by `make bench` on {date}; {machine}.
One run, one server at a time, alternating, {repetitions} x {seconds} s a cell: the median, and in brackets the least
and the greatest. Take the ratios: they were measured side by side. Meanwhile other work kept {others} of the machine's
cores busy.

![Requests per second and CPU seconds per 1,000 requests, by server]({pictures}.png)"""

START = """\
## Start

From the start of the process to the first right answer by REST, asked for every 2 ms, with the MLP alone; memory right
after it: RSS summed over the processes, PSS with shared pages once.
"""

LIMITS = """\
## How far from the limit

The limit is the model called bare, one row at a time, in a loop on one thread, plus an echo server that answers ready
bytes to the same requests. Several rows in one call cost less: bare calls of 32 rows take {batched} CPU s per 1,000
rows. *Client busy* is the load client's share of a core; its own limit is {client} requests/s on one core.
"""

METHOD = """\
## How it was measured

- Repeat: `make bench` (all), `make bench QUICK=1` (one short repetition), `make bench ONLY=serving PEERS=kserve,ray`.
- Closed loop: each client sends its next request when it has the answer to the last; client and server share the
  machine. Every answer is checked for success, the first four of each connection for the right numbers too.
- CPU is user and system time of all the server's processes.
- gRPC tensors travel as raw bytes (`tensor_content`, `raw_input_contents`), REST tensors as JSON with three decimals,
  each in the protocol that the server speaks.
- Each peer has an environment of its own in `~/.cache/shipway/bench` with pinned packages (`tests/bench/peers/`), loads
  the same SavedModel with `tf.saved_model.load` and calls its signature; logs of requests are off.
"""


def page(results: Results, pictures: str) -> str:
    """The whole page; `pictures` is the stem of the plot's file name."""
    digest = Digest(results)
    parts = [
        HEAD.format(pictures=pictures, others=spanned(disturbance(results)), **results.about),
        *[_peers(digest, protocol) for protocol in WORDS],
        _others(digest),
        _starts(digest),
        _batching(digest),
        _goals(digest),
        _limits(digest),
        _failures(results),
        _method(results),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _peers(digest: Digest, protocol: str) -> str:
    cells = [Cell("mlp", protocol, count) for count in (1, 8, 32)]
    columns = {
        "1 client: p50 ms": (0, "p50_ms"),
        "8 clients: requests/s": (1, "rate"),
        "32: requests/s": (2, "rate"),
        "32: p99 ms": (2, "p99_ms"),
        "8: CPU s per 1,000": (1, "server_cpu"),
        "32: CPU s per 1,000": (2, "server_cpu"),
    }
    rows = []
    for target in TARGETS:
        if any(digest.get(target.name, cell) for cell in cells):
            figures = [spanned(_spread(digest, target, cells[at], name)) for at, name in columns.values()]
            rows.append([_name(target), *figures, str(_errors(digest, target, cells))])
    head = ["server", *columns, "errors"]
    return f"## {WORDS[protocol]}, an MLP of 784-128-10, one row a request\n\n{table(head, rows)}"


def _others(digest: Digest) -> str:
    rows = []
    for target in (*TARGETS, ECHO):
        for protocol, word in WORDS.items():
            cnn, image = Cell("cnn", protocol, 8), Cell("image", protocol, 1)
            places = [(cnn, "rate"), (cnn, "server_cpu"), (image, "p50_ms"), (image, "server_cpu")]
            spreads = [_spread(digest, target, cell, name) for cell, name in places]
            if any(spreads):
                rows.append([f"{_name(target)}, {word}", *map(spanned, spreads)])
    head = ["server", "CNN, 8: requests/s", "CNN: CPU s per 1,000", "600 kB, 1: p50 ms", "600 kB: CPU s per 1,000"]
    title = "## A small CNN with 8 clients, and images of 602,112 bytes with 1"
    return f"{title}\n\nBy REST an image is a JSON document of about 1 MB.\n\n{table(head, rows)}"


def _starts(digest: Digest) -> str:
    rows = []
    for target in TARGETS:
        if found := digest.start(target.name):
            memory = [spanned(found.rss, 1 / MIB), spanned(found.pss, 1 / MIB)]
            rows.append([_name(target), spanned(found.seconds), *memory, str(found.processes)])
    return START + "\n" + table(["server", "s to the first answer", "RSS, MiB", "PSS, MiB", "processes"], rows)


def _batching(digest: Digest) -> str:
    rows = []
    for protocol, word in WORDS.items():
        for count in (1, 8, 32):
            cell = Cell("mlp", protocol, count)
            off, on = digest.get(SHIPWAY.name, cell), digest.get(BATCHING.name, cell)
            if off and on:
                rates = [spanned(off.rate), spanned(on.rate), times(on.rate.median / off.rate.median)]
                latencies = [spanned(off.p50_ms), spanned(on.p50_ms)]
                rows.append([f"{word}, {count}", *rates, *latencies, spanned(off.server_cpu), spanned(on.server_cpu)])
    head = ["clients", "off: requests/s", "on", "on / off", "off: p50 ms", "on", "off: CPU s per 1,000", "on"]
    return f"## Batching off and on\n\n{BATCHING.how}.\n\n{table(head, rows)}" if rows else ""


def _goals(digest: Digest) -> str:
    rows = []
    for goal in goals(digest):
        peer = PEERS_BY_NAME[goal.peer].title if goal.peer else NOTHING
        row = [goal.what, times(goal.found), times(goal.aim), "yes" if goal.met else "no", peer]
        rows.append([*row, times(goal.baseline)])
    head = ["better than the best peer", "found", "aim", "met", "best peer", "than grpc.aio + FastAPI"]
    return f"## Ratios\n\n{table(head, rows)}"


def _limits(digest: Digest) -> str:
    cells = [cell for name, cell in digest.by_cell if name == SHIPWAY.name]
    rows = [_limit(digest, cell) for cell in sorted(cells, key=_place)]
    head = [
        "Shipway",
        "CPU s per 1,000",
        "limit: call + echo",
        "of the limit",
        "of the echo's requests/s",
        "client busy",
    ]
    batched = ", ".join(f"{model} {number(digest.call_cpu(model, 32))}" for model in MODELS)
    return LIMITS.format(batched=batched, client=_client(digest)) + "\n" + table(head, [row for row in rows if row])


def _limit(digest: Digest, cell: Cell) -> list[str]:
    found, echo = digest.get(SHIPWAY.name, cell), digest.get(ECHO.name, cell)
    limit = digest.limit_cpu(cell)
    if found is None or echo is None or limit is None:
        return []
    return [
        f"{cell.model}, {WORDS[cell.protocol]}, {cell.connections}",
        spanned(found.server_cpu),
        f"{number(digest.call_cpu(cell.model))} + {number(echo.server_cpu.median)}",
        times(found.server_cpu.median / limit),
        f"{100 * found.rate.median / echo.rate.median:.0f} %",
        f"{found.rate.median * found.client_cpu.median / 10:.0f} %",
    ]


def _client(digest: Digest) -> str:
    found = {word: digest.get(ECHO.name, Cell("mlp", protocol, 32)) for protocol, word in WORDS.items()}
    limits = [f"{number(1000 / each.client_cpu.median)} ({word})" for word, each in found.items() if each]
    return " and ".join(limits) or NOTHING


def _failures(results: Results) -> str:
    lines = [f"- {what}: {' '.join(reason.split())}" for what, reason in sorted(results.failures.items())]
    return "## What did not run\n\n" + "\n".join(lines) if lines else ""


def _method(results: Results) -> str:
    versions = results.about["versions"]
    lines = [f"- {_name(each)} {versions[each.name]}: {each.how}" for each in TARGETS if each.name in versions]
    return METHOD + "\n" + "\n".join(lines)


def _spread(digest: Digest, target: Target, cell: Cell, name: str) -> Spread | None:
    found = digest.get(target.name, cell)
    return getattr(found, name) if found else None


def _errors(digest: Digest, target: Target, cells: list[Cell]) -> int:
    return sum(found.errors for found in (digest.get(target.name, cell) for cell in cells) if found)


def _place(cell: Cell) -> tuple[int, str, int]:
    return MODELS.index(cell.model), cell.protocol, cell.connections


def _name(target: Target) -> str:
    return f"**{target.title}**" if target is SHIPWAY else target.title
