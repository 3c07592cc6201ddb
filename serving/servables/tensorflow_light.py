"""use: TensorFlow without its Python API, for a start in half a second and 300 MB instead of 3 s and 500 MB.

Stub packages take the places of `tensorflow` and of the packages on the way to its generated protos and to the one
extension module that runs sessions. Only a process that is nothing but a server may do so: serving/__main__.py.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.util
import logging
import os
import sys
import threading
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from serving.servables import private_session, session_config, tensorflow_errors

log = logging.getLogger(__name__)

# tensorflow.core and the packages below it have nothing in their __init__ that runs.
_STUBS = ("tensorflow", "tensorflow.python", "tensorflow.python.client")
_LIBRARY = "libtensorflow_cc.so.2"


class _Stub(ModuleType):
    """A package of which only submodules can be had."""

    def __getattr__(self, name: str) -> Any:
        message = f"{self.__name__}.{name} is not there: this server runs without TensorFlow's Python API"
        raise AttributeError(message)


def preload() -> None:
    """Starts to load TensorFlow's library, a quarter of a second, on a thread while the caller imports other things."""
    folder = _folder()
    if folder is not None and "tensorflow" not in sys.modules:
        threading.Thread(target=_load, args=(folder / _LIBRARY,), name="tensorflow-preload", daemon=True).start()


def use() -> bool:
    """Makes this process serve without TensorFlow's Python API; does nothing once `tensorflow` was imported.

    Returns: Whether stubs are in place. False: TensorFlow was imported before, is not installed, or lacks a private
      entry point; `import tensorflow` works as usual then.
    """
    if "tensorflow" in sys.modules:
        return isinstance(sys.modules["tensorflow"], _Stub)
    folder = _folder()
    if folder is None:
        return False
    os.environ.setdefault(session_config.OWN_POOLS, "1")
    for name in _STUBS:
        sys.modules[name] = _stub(name, folder.joinpath(*name.split(".")[1:]))
    if private_session.missing():
        log.warning("TensorFlow lacks %s; its whole Python API is loaded", ", ".join(private_session.missing()))
        _forget()
        return False
    tensorflow_errors.register()
    return True


def _folder() -> Path | None:
    spec = importlib.util.find_spec("tensorflow")
    return Path(spec.origin).parent if spec and spec.origin else None


def _load(library: Path) -> None:
    """Whatever fails here fails again, with a message, where the library is needed."""
    with contextlib.suppress(OSError):
        ctypes.CDLL(str(library))


def _stub(name: str, folder: Path) -> ModuleType:
    module = _Stub(name)
    module.__path__ = [str(folder)]
    module.__spec__ = ModuleSpec(name, None, is_package=True)
    module.__spec__.submodule_search_locations = [str(folder)]
    return module


def _forget() -> None:
    for name in [name for name in sys.modules if name == "tensorflow" or name.startswith("tensorflow.")]:
        del sys.modules[name]
