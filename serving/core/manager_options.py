"""ManagerOptions: how many loads and unloads at a time, and how often a failed load is tried again."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from serving.core.loader_harness import RetryOptions


@dataclass(frozen=True)
class ManagerOptions:
    """0 threads: on the manager's own, one at a time; a load, its retries and pauses included, then delays all others.

    Source: TF Serving core/aspired_versions_manager.h (Options) at 2.20.0.
    """

    retries: RetryOptions = field(default_factory=RetryOptions)
    num_load_threads: int = 0
    num_unload_threads: int = 0
    # Until the models of the first configuration are up.
    num_initial_load_threads: int = 4 * (os.cpu_count() or 1)
