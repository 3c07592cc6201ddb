"""run, new: a coroutine on uvloop where there is one, or that loop; else on asyncio's own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine


def run(main: Coroutine[Any, Any, None]) -> None:
    """As asyncio.run."""
    (_uvloop() or asyncio).run(main)


def new() -> asyncio.AbstractEventLoop:
    """A loop for its caller to run, and to close."""
    loop: asyncio.AbstractEventLoop = (_uvloop() or asyncio).new_event_loop()
    return loop


def _uvloop() -> Any:
    """None: there is none for Windows."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop
