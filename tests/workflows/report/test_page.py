import copy
import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from workflows.errors import UsageError
from workflows.report.facts import RunFacts
from workflows.report.page import commands, render, write
from workflows.report.reading import read

ESCAPE, RIGHT_TO_LEFT, JAPAN = chr(27), chr(0x202E), "\N{CJK UNIFIED IDEOGRAPH-65E5}"
MARKUP = "</style></svg></script><script>alert(1)</script><img src=x onerror=alert(2)>"
HOSTILE = f"{MARKUP}\"'&{{{{7*7}}}}$\\frac{{$ {ESCAPE}[31m{RIGHT_TO_LEFT}{JAPAN}"
VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """What a page holds: ids in order, the text of each section, references, and tags left open."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.references: list[str] = []
        self.handlers: list[str] = []
        self.alts: list[str] = []
        self.open: list[str] = []
        self.sections: dict[str, str] = {}
        self.section = ""
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes a tag and what it points to."""
        found = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.section = found["id"] if tag == "section" else self.section
        self.references += [found[name] for name in ("src", "href", "xlink:href", "data", "action") if name in found]
        self.handlers += [name for name in found if name.startswith("on")]
        self.alts += [found.get("alt", "")] if tag == "img" else []
        self.alts += [found.get("aria-label", "")] if tag == "svg" else []
        self.open += [tag] if tag not in VOID else []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes a tag that closes itself."""
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """Closes the last open tag, and no other."""
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        """Adds text to its section."""
        self.sections[self.section] = self.sections.get(self.section, "") + data


@pytest.fixture
def written(tmp_path: Path, saved):
    """Writes the page of some reports, and returns what it holds and its summary."""

    def page_of(reports: dict[str, Any], facts: RunFacts) -> tuple[Page, dict[str, Any]]:
        path = tmp_path / "out" / "report.html"
        write(path, facts=facts, reports=saved(reports))
        return Page(path.read_text(encoding="utf-8")), json.loads((path.parent / "summary.json").read_text("utf-8"))

    return page_of


@pytest.fixture(scope="module")
def released(tmp_path_factory, released_run) -> tuple[Page, dict[str, Any], str]:
    """The page of a run that released a version, what it holds and its summary; only to look at."""
    path = tmp_path_factory.mktemp("released") / "report.html"
    facts, reports = released_run
    write(path, facts=facts, reports=reports)
    content = path.read_text(encoding="utf-8")
    return Page(content), json.loads((path.parent / "summary.json").read_text("utf-8")), content


def failed(facts: RunFacts, failures: str = "") -> RunFacts:
    """The facts of a run that did not succeed."""
    return dataclasses.replace(facts, status="Failed", failures=failures)


def test_a_released_run_shows_every_section(released):
    """Verdict, numbers, gate, curves, confusion, slices, mistakes, data, server, timing, provenance, commands."""
    page, _, _ = released

    assert [
        *("verdict", "summary", "gate", "curves", "confusion", "slices", "wrong"),
        *("data", "server", "timing", "provenance", "reproduce"),
    ] == [name for name in page.ids if not re.fullmatch(r"[a-z][0-9a-f]{10,}", name)]
    assert "✓ Released" in page.sections[""]
    assert "accuracy 0.9841 on the held-out examples" in page.sections[""]
    assert "Compared with version 20261120091500" in page.sections[""]
    assert ".venv/bin/shipway run digits --data=builtin --epochs=2 --seed=7" in page.sections["reproduce"]


def test_every_figure_and_picture_says_what_it_shows(released):
    """Who cannot see the page hears its figures."""
    page, _, _ = released

    assert 8 == len(page.alts)
    assert all(page.alts)
    assert "Example 00042: a 1, taken for 2" in page.alts


def test_the_page_needs_nothing_but_itself(released):
    """It loads nothing from anywhere and runs no script."""
    page, _, _ = released

    assert [] == [found for found in page.references if not found.startswith(("#", "data:image/png;base64,"))]
    assert set() == page.tags & {"script", "link", "iframe", "object", "embed", "base", "form"}
    assert [] == page.handlers


def test_ids_are_unique_and_tags_closed(released):
    """Figures share a document without sharing names."""
    page, _, _ = released

    assert sorted(set(page.ids)) == sorted(page.ids)
    assert [] == page.open


def test_figures_follow_the_colours_of_the_page(released):
    """No figure keeps a colour of its own: light and dark are the style sheet's."""
    drawn = re.findall(r"<svg.*?</svg>", released[2], re.DOTALL)

    assert 7 == len(drawn)
    assert set() == {colour for svg in drawn for colour in re.findall(r"[ \"]#[0-9a-f]{6}\b", svg)}


def test_the_page_is_small(tmp_path, full, facts, saved):
    """A page is mailed and attached: at most 1.5 MB with as many pictures as there can be."""
    full["evaluate"]["wrong"] *= 30
    write(tmp_path / "report.html", facts=facts, reports=saved(full))

    assert 1_500_000 > (tmp_path / "report.html").stat().st_size


def test_the_same_run_gives_the_same_page(released, released_run):
    """Nothing of the moment or of the machine is in it."""
    facts, reports = released_run

    assert released[2] == render(facts, read(reports))


def test_a_refusal_by_the_gate_comes_first(written, refused, facts):
    """The failed bar is in the verdict, the step's own words follow, and what did not run is named."""
    page, summary = written(refused, failed(facts))

    assert "✗ Refused" in page.sections[""]
    assert "not released" in page.sections[""]
    assert "accuracy is 0.9000, below its bar 0.9500" in page.sections[""]
    assert "which keeps serving" in page.sections[""]
    assert "The gate refused digits: accuracy 0.9 is below 0.95." in page.sections["failure"]
    assert "check did not run, because gate failed." in page.sections["missing"]
    assert ("refused", False, None) == (summary["outcome"], summary["released"], summary["version"])
    assert {"passed": False, "failed": ["floor"]} == summary["gate"]


def test_refused_data_names_its_rows(written, invalid, facts):
    """The anomaly stands with its rows, and everything after it is said not to have run."""
    page, summary = written(invalid, failed(facts))
    message = "The data has 1 error: mean radius is outside 5 to 40."

    assert "The data was refused: 3 values of mean radius are outside 5 to 40." in page.sections[""]
    assert "r0012, r0133" in page.sections["data"]
    assert {"gate", "curves", "confusion", "slices", "wrong", "server"} <= set(page.ids)
    assert "train did not run, because validate failed." in page.sections["missing"]
    assert [{"step": "validate", "message": message}] == summary["failures"]


def test_a_step_that_was_killed_is_told_in_the_words_of_the_engine(written, full, facts):
    """A killed step leaves no report; the engine's list of failures speaks for it."""
    told = json.dumps([{"displayName": "train(1)", "templateName": "train", "message": "OOMKilled (exit code 137)"}])
    page, summary = written({name: full[name] for name in ("prepare", "validate")}, failed(facts, told))

    assert "train failed: OOMKilled (exit code 137)" in page.sections[""]
    assert "failed" == summary["outcome"]


def test_a_run_that_left_nothing_still_has_a_page(written, facts):
    """Missing everything is said, not hidden."""
    page, summary = written({}, failed(facts))

    assert "The run did not succeed, and no step said why." in page.sections[""]
    assert "train left no report." in page.sections["missing"]
    assert "digits" == summary["model"]
    assert {} == summary["metrics"]


def test_a_broken_report_is_named(tmp_path, full, facts, saved):
    """A report cut short by a kill is not read, and the page says which."""
    paths = saved(full)
    paths["train"].write_text('{"history": {"loss": [0.5')
    write(tmp_path / "report.html", facts=facts, reports=paths)
    page = Page((tmp_path / "report.html").read_text("utf-8"))

    assert "The report of train could not be read" in page.sections["missing"]


def test_wrong_answers_without_pictures_show_their_features(written, full, facts):
    """A tabular example is its values."""
    row = {"id": "r7", "label": "benign", "prediction": "malignant", "score": 0.71, "image": None}
    full["evaluate"]["wrong"] = [{**row, "features": {"mean radius": 12.3456789}}] * 7
    page, _ = written(full, facts)

    assert "mean radius12.3457" in page.sections["wrong"].replace("\n", "")


def test_what_is_no_picture_is_not_shown(written, full, facts):
    """Only PNG bytes become an image."""
    full["evaluate"]["wrong"][0]["image"] = "PHN2Zz4="
    page, _ = written(full, facts)

    assert [] == [found for found in page.references if found.startswith("data:")]


def test_diverged_training_still_draws(written, full, facts):
    """A loss that became NaN is told as such, and is null in the summary."""
    full["train"]["history"] = {"loss": [0.5, float("nan")], "val_loss": [float("nan")] * 2, "accuracy": [None, None]}
    full["evaluate"]["metrics"] = {"accuracy": float("nan"), "loss": float("inf")}
    page, summary = written(full, facts)

    assert "not a number" in page.sections["curves"]
    assert {"accuracy": None, "loss": None} == summary["metrics"]


def poisoned(value: Any) -> Any:
    """The same JSON with every text hostile, and every name that comes from the data."""
    if isinstance(value, dict):
        names = {key: f"{key}{HOSTILE}" if key[:1].isdigit() or " " in key else key for key in value}
        return {names[key]: poisoned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [poisoned(item) for item in value]
    return HOSTILE if isinstance(value, str) and not value.startswith(("2026-", "iVBOR", "failed")) else value


def test_hostile_texts_stay_texts(written, full, facts):
    """A label, an error or a digest from anywhere cannot become markup, script, formula or terminal codes."""
    full["prepare"]["step"].update(outcome="failed", error="!")
    hostile = dataclasses.replace(
        failed(facts, HOSTILE), workflow=HOSTILE, uid=HOSTILE, source_commit=HOSTILE, parameters={HOSTILE: HOSTILE}
    )
    page, summary = written(poisoned(full), hostile)

    assert set() == page.tags & {"script", "iframe"}
    assert [] == page.handlers
    assert [] == page.open
    assert "x" not in page.references
    assert "49" not in page.sections["provenance"]
    assert ESCAPE not in "".join(page.sections.values())
    assert "<script>alert(1)</script>" in page.sections["failure"]
    assert "failed" == summary["outcome"]


@st.composite
def damage(draw: st.DrawFn) -> tuple[list[int], Any]:
    """Where to go into the reports (places, taken modulo), and what to put there."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    inner = st.lists(leaves, max_size=3) | st.dictionaries(st.text(max_size=4), leaves, max_size=3)
    return draw(st.lists(st.integers(0, 50), min_size=2, max_size=5)), draw(leaves | inner)


# Not shrunk: an example takes a second, and what broke says which figure it was.
@settings(
    max_examples=6,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(damages=st.lists(damage(), min_size=1, max_size=20))
def test_no_content_of_the_reports_stops_the_page(damages, full, facts, saved):
    """Whatever JSON stands where, there is a page, and it is whole."""
    reports = copy.deepcopy(full)
    for path, value in damages:
        node: Any = reports
        for index in path[:-1]:
            children = list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []
            node = children[index % len(children)] if children else node
        if isinstance(node, dict) and node:
            node[list(node)[path[-1] % len(node)]] = value

    assert [] == Page(render(facts, read(saved(reports)))).open


def test_commands_are_safe_to_paste(facts):
    """A parameter cannot end the command and begin another."""
    hostile = dataclasses.replace(facts, parameters={"data": "a; rm -rf ~\n$(reboot)"})

    assert (
        f"git checkout {'4d0c' * 10}",
        "make setup",
        ".venv/bin/shipway run digits '--data=a; rm -rf ~ $(reboot)'",
    ) == commands(hostile, "digits")


def test_a_version_that_was_not_released_says_why(written, full, facts):
    """A run may pass and make no commit, as when the environment holds its version."""
    full["release"] = {"environment": "dev", "commit": None, "version": "20261122143000", "message": "dev is on hold"}
    page, summary = written(full, facts)

    assert "dev is on hold: accuracy 0.9841" in page.sections[""]
    assert "Version 20261122143000 was exported and is not in use." in page.sections[""]
    assert ("passed", None) == (summary["outcome"], summary["version"])


def test_attempts_that_were_tried_again_are_no_failure(written, full, facts):
    """A platform's failure that a retry mended does not make the run a failed one."""
    told = json.dumps([{"displayName": "train(0)", "templateName": "train", "message": "pod deleted"}])
    _, summary = written(full, dataclasses.replace(facts, failures=told))

    assert ("released", []) == (summary["outcome"], summary["failures"])


def test_given_commands_replace_the_derived_ones(written, full, facts):
    """The engine may know better how a run is done again."""
    page, _ = written(full, dataclasses.replace(facts, commands=("argo submit --from workflowtemplate/train",)))

    assert "argo submit --from workflowtemplate/train" in page.sections["reproduce"]


def test_the_summary_is_for_machines(released):
    """The keys that a script or a dashboard asks for."""
    _, summary, _ = released

    assert {"accuracy": 0.9841, "loss": 0.0573} == summary["metrics"]
    assert "20261122143000" == summary["version"]
    assert f"sha256:{'c' * 64}" == summary["digest"]
    assert "9b1c" * 10 == summary["release_commit"]
    assert summary["released"] is True
    assert {"seconds": 2.0, "max_rss_mb": 300.5, "outcome": "ok"} == summary["steps"]["train"]


def test_a_page_that_cannot_be_written_is_one_sentence(tmp_path, facts):
    """The user hears which file and what to do."""
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match=r"The report cannot be written to .*; name another file\."):
        write(tmp_path / "file" / "report.html", facts=facts, reports={})


def test_nothing_is_left_beside_the_page(tmp_path, facts):
    """Writing is whole or not at all: no temporary file stays."""
    write(tmp_path / "report.html", facts=facts, reports={})

    assert ["report.html", "summary.json"] == sorted(path.name for path in tmp_path.iterdir())
