"""Argo's durations: whole seconds, or Go's form such as `1h30m` or `1.5s`."""

import re

from workflows.errors import WorkflowError

UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


def seconds(text: str) -> float:
    """How many seconds `text` means. Raises: WorkflowError."""
    if text.isdecimal():
        return float(text)
    parts = PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise WorkflowError(f"`{text}` is not a duration; write seconds or a form such as 30s, 5m or 1h30m")
    return sum(float(number) * UNITS[unit] for number, unit in parts)
