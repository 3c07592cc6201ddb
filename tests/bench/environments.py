"""An environment of its own for each peer, by uv, kept from run to run; and the models, built once."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PEERS = Path(__file__).parent / "peers"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "shipway" / "bench"
MODELS = CACHE / "models"
_INSTALL_S = 900


class NotInstallableError(Exception):
    """The environment could not be made; the message is the reason in one line."""


def environment(peer: str, cache: Path = CACHE) -> Path:
    """The Python of a peer's environment, made anew when its requirements changed.

    Raises:
        NotInstallableError: a package cannot be had or does not fit this Python.
    """
    requirements = PEERS / peer / "requirements.txt"
    folder = cache / "environments" / peer
    python = folder / "bin" / "python"
    stamp = folder / "requirements.sha256"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        _uv("venv", "--quiet", "--clear", "--no-config", "--python", sys.executable, str(folder))
        _uv(
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--compile-bytecode",
            "--python",
            str(python),
            "-r",
            str(requirements),
        )
        stamp.write_text(wanted)
    return python


def models() -> Path:
    """The folder of the models, which are built when they or how to build them changed."""
    script = Path(__file__).parent / "make_models.py"
    stamp = MODELS / "made.sha256"
    wanted = hashlib.sha256(script.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, str(script), str(MODELS)], check=True, capture_output=True)
        stamp.write_text(wanted)
    return MODELS


def version(python: Path, distribution: str) -> str:
    """The version of what an environment has."""
    code = f"import importlib.metadata as m; print(m.version({distribution!r}))"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def _uv(*arguments: str) -> None:
    uv = Path(sys.executable).parent / "uv"
    try:
        subprocess.run([str(uv), *arguments], check=True, capture_output=True, text=True, timeout=_INSTALL_S)
    except subprocess.CalledProcessError as error:
        raise NotInstallableError(" ".join(error.stderr.split())[:300]) from None
    except subprocess.TimeoutExpired:
        raise NotInstallableError(f"uv took more than {_INSTALL_S} s") from None
