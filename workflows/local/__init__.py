"""Runs a rendered Argo `WorkflowTemplate` on one machine, as Argo Workflows 4.0 would; refuses by name what it cannot.

Not a scheduler, and no second way of writing workflows: more than one machine means Argo.
"""

from workflows.local.engine import Watcher, run
from workflows.local.status import Node, Progress, Status

__all__ = ["Node", "Progress", "Status", "Watcher", "run"]
