"""A fault inside a run: it makes a node Error, as in Argo, and never leaves the engine."""


class Fault(Exception):  # noqa: N818 - it is a node's phase, not the program's error
    """The message becomes the node's message."""


class Waiting(Exception):  # noqa: N818 - not an error at all
    """A node cannot start yet: a limit on parallelism is reached. A later pass tries again."""
