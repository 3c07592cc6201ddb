"""The packages keep to their own side."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = {"training": {"workflows", "serving", "hera"}, "serving": {"workflows", "training", "hera"}}


def imported(path: Path) -> set[str]:
    """The top-level names that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_training_and_serving_import_nothing_of_each_other_or_of_workflows(package: str):
    """A training image needs no server, a server image needs no workflow."""
    wrong = {str(path): imported(path) & FORBIDDEN[package] for path in (ROOT / package).rglob("*.py")}

    assert {} == {path: names for path, names in wrong.items() if names}
