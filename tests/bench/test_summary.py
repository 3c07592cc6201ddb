"""Figures become medians, ratios and a page."""

import pytest

from tests.bench import plan
from tests.bench.markdown import number, spanned, table
from tests.bench.page import page
from tests.bench.plan import Cell
from tests.bench.plot import draw
from tests.bench.results import Call, Figure, Results, Start, read
from tests.bench.summary import Digest, Spread, goals
from tests.bench.targets import PEERS_BY_NAME

ABOUT = {"date": "2026-01-01", "machine": "2 cores", "repetitions": 3, "seconds": 2.0, "versions": {"shipway": "0.1"}}


def figure(target, rate, cpu):
    """A figure with the rest derived."""
    return Figure(target, "mlp", "grpc", 32, rate, 1000 / rate, 2000 / rate, cpu, 0.02, 0.1, int(rate), {})


@pytest.fixture
def results():
    """Two servers and the echo, three repetitions of one cell each, one start each."""
    ours = [figure("shipway", rate, 0.05) for rate in (19000, 20000, 30000)]
    theirs = [figure("kserve", rate, 1.0) for rate in (800, 1000, 900)]
    starts = [Start("shipway", 0.5, 300 << 20, 290 << 20, 1), Start("kserve", 5.0, 600 << 20, 590 << 20, 1)]
    echo = figure("echo", 40000, 0.02)
    return Results([*ours, *theirs, echo], starts, [Call("mlp", 1, 20000, 0.04)], {"Ray Serve, mlp": "no\nport"}, ABOUT)


def test_a_cell_is_the_median_of_its_repetitions(results):
    """With the least and the greatest beside it."""
    assert Digest(results).get("shipway", Cell("mlp", "grpc", 32)).rate == Spread(20000, 19000, 30000)


def test_goals_are_held_against_the_best_peer(results):
    """Each ratio names the peer; what was not measured has none."""
    found = {goal.what: goal for goal in goals(Digest(results))}

    assert found["gRPC, 32 clients: requests per second"].found == pytest.approx(20000 / 900)
    assert found["gRPC, 32 clients: CPU per request"].peer == "kserve"
    assert found["start to first answer"].met
    assert found["REST, 8 clients: requests per second"].found is None


def test_the_limit_is_the_call_and_the_echo(results):
    """In CPU seconds per 1,000 requests."""
    assert Digest(results).limit_cpu(Cell("mlp", "grpc", 32)) == pytest.approx(0.06)


def test_the_page_names_every_server_and_failure(results):
    """What did not run is said in one line."""
    text = page(results, "serving")

    assert "| **Shipway** |" in text
    assert "| KServe |" in text
    assert "- Ray Serve, mlp: no port" in text
    assert "0.83" in text.partition("## How far from the limit")[2]


def test_records_survive_a_file(results, tmp_path):
    """The page can be written again from them."""
    results.write(tmp_path / "r.json")

    assert results == read(tmp_path / "r.json")


def test_the_picture_is_written_twice(results, tmp_path):
    """As PNG for the page and as SVG."""
    assert ["serving.png", "serving.svg"] == [path.name for path in draw(results, tmp_path / "serving")]


def test_every_start_is_in_every_repetition():
    """Only the order differs."""
    first, second = (plan.order(list(PEERS_BY_NAME), repetition) for repetition in range(2))

    assert first != second
    assert {(t.name, p) for t, p in first} == {(t.name, p) for t, p in second}


def test_a_server_without_grpc_has_half_the_cells():
    """It is asked by REST alone."""
    assert {"rest"} == {cell.protocol for cell in plan.cells(PEERS_BY_NAME["litserve"], plan.SMALL)}


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (1234.5, "1,234"), (12.34, "12.3"), (1.234, "1.23"), (0.05, "0.050")]
)
def test_numbers_have_three_digits(value, text):
    """Enough to compare, and no more."""
    assert text == number(value)


def test_a_spread_without_width_is_one_number():
    """Brackets only where repetitions differ."""
    assert ["2.00", "2.00 (1.00 to 3.00)"] == [spanned(Spread(2, 2, 2)), spanned(Spread(2, 1, 3))]


def test_a_table_has_a_rule_under_its_head():
    """As Markdown wants it."""
    assert "| a | b |\n| --- | ---: |\n| x | 1 |" == table(["a", "b"], [["x", "1"]])
