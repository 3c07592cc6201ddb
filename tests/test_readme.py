"""The README speaks of what is there."""

import re
from pathlib import Path

import pytest

from workflows.cli import COMMANDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "kustomize" / "README.md", ROOT / "serving" / "README.md"]


def tree() -> list[Path]:
    """The paths of the section "What is where"."""
    block = README.partition("## What is where")[2].partition("\n## ")[0]
    found, folder = [], ROOT
    for line in block.splitlines():
        if match := re.match(r"^    (\S+/)  ", line):
            folder = ROOT / match[1]
            found.append(folder)
        elif match := re.match(r"^      (\S+)  ", line):
            found.append(folder / match[1])
    return found


def test_the_tree_is_read():
    """The test below has something to look at."""
    assert len(tree()) > 40


@pytest.mark.parametrize("path", tree(), ids=lambda path: str(path.relative_to(ROOT)))
def test_what_the_tree_names_exists(path: Path):
    """No line of the tree outlives its file."""
    assert path.exists()


def test_every_module_of_workflows_is_in_the_tree():
    """A new module gets a line of its own, or is named with its owner."""
    modules = {path.name for path in (ROOT / "workflows").glob("*.py")} - {"__init__.py", "__main__.py", "errors.py"}

    assert set() == {name for name in modules if name not in README}


def test_every_command_is_in_the_table():
    """Whatever `shipway --help` lists, the README explains."""
    assert [] == [name for name in COMMANDS if f"shipway {name}" not in README and f"`{name}" not in README]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    """Every relative link and picture exists."""
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))

    assert [] == [target for target in targets if not (page.parent / target).exists()]


def test_no_placeholder_is_left():
    """Every figure and output comes from a run."""
    assert [] == re.findall(r"@[A-Z_]+@", README)
