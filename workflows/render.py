"""Writes the Argo YAML of every workflow to `workflows/rendered/`.

It is committed: the golden test, what the local engine runs, and what Argo CD syncs.
"""

from __future__ import annotations

from pathlib import Path

from workflows.train import train

RENDERED = Path(__file__).parent / "rendered"
WORKFLOWS = [train]
HEADER = "# Rendered by `make render` from workflows/{name}.py; edit that file, not this one.\n"


def documents() -> dict[str, str]:
    """File name to YAML text, for every workflow."""
    built = [build() for build in WORKFLOWS]
    return {f"{template.name}.yaml": HEADER.format(name=template.name) + template.to_yaml() for template in built}


def render(directory: Path = RENDERED) -> list[Path]:
    """Writes every workflow's file and removes what no workflow writes any more; returns the files."""
    texts = documents()
    directory.mkdir(parents=True, exist_ok=True)
    for stale in set(directory.glob("*.yaml")) - {directory / name for name in texts}:
        stale.unlink()
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")
    return sorted(directory / name for name in texts)
