import re
from pathlib import Path

import httpx
import pytest

PACKAGE = Path(__file__).parents[2] / "serving"
README = (PACKAGE / "README.md").read_text()
LINKS = re.findall(r"\[`([\w.]+)`\]\(([\w/]+\.py)#L(\d+)\)", README)


def test_the_embedding_example_runs(half_plus_two, publish, free_port, tmp_path):
    """As it stands in the README."""
    names = {
        "version_dir": str(publish(half_plus_two, tmp_path, 1)),
        "grpc_port": free_port(),
        "rest_port": free_port(),
        "httpx": httpx,
    }
    exec(re.search(r"```python\n(.*?)```", README, re.DOTALL)[1], names)  # noqa: S102 - that is the test

    assert {"predictions": [2.5]} == names["answer"]


def test_the_tour_names_every_file_and_no_other():
    """A new file gets its line."""
    table = "".join(line.split("|")[1] for line in README.splitlines() if line.startswith("| `"))
    named = {name.split("/")[-1] for name in re.findall(r"`([\w/]+\.py)`", table)}

    assert {path.name for path in PACKAGE.rglob("*.py")} - {"__init__.py"} == named


@pytest.mark.parametrize(("name", "path", "line"), LINKS, ids=[name for name, _, _ in LINKS])
def test_a_link_into_the_code_meets_what_it_names(name, path, line):
    """At its line, not somewhere in the file."""
    text = (PACKAGE / path).read_text().splitlines()[int(line) - 1]

    assert name == Path(path).name or re.match(rf"\s*(class|def|async def) {re.escape(name)}\b", text)
