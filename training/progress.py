"""What a step says on stdout while it works: plain lines, and lines of progress that the engine turns into a bar."""


def say(text: str) -> None:
    """One plain line, at once."""
    print(text, flush=True)  # noqa: T201 - the one place where a step prints


def progress(done: int, total: int, text: str) -> None:
    """`progress <done>/<total> <text>`."""
    say(f"progress {done}/{total} {text}")
