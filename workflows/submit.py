"""Starts the workflow `train` on a cluster, from the WorkflowTemplate that Argo CD has synced there.

Not here: how Argo Server is asked (argo_server.py), how a run is followed (watch.py).
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from workflows.errors import ClusterError, NotOnCluster, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workflows.argo_server import ArgoServer

TEMPLATE = "train"
MODEL_LABEL = "shipway.dev/model"
SUBMISSION_LABEL = "shipway.dev/submission"
ATTEMPTS = 60


def submit(server: ArgoServer, model: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Makes one Workflow and gives it back as Argo has it.

    Its name is as that of a run on one machine: the template, the model, the second. A mark in its labels tells a
    Workflow that this call made, before the connection broke, from one that somebody else made in the same second.

    Args:
      model: A folder of training/models.
      parameters: Those of the WorkflowTemplate that differ from its defaults.
    Raises: UsageError (parameters that the template does not have); ClusterError (no such template; refused).
    """
    given = {"model": model, **parameters}
    _check(_template(server), given)
    mark = uuid.uuid4().hex
    options = {
        "parameters": [f"{name}={value}" for name, value in given.items()],
        "labels": f"{MODEL_LABEL}={model},{SUBMISSION_LABEL}={mark}",
    }
    begun = datetime.now(timezone.utc)
    for attempt in range(ATTEMPTS):
        name = f"{TEMPLATE}-{model}-{begun + timedelta(seconds=attempt):%Y%m%d%H%M%S}"
        made = _make(server, name, options, mark)
        if made:
            return made
    raise ClusterError(f"{ATTEMPTS} other runs of {model} were submitted in this minute: try again later")


def _template(server: ArgoServer) -> dict[str, Any]:
    try:
        return server.template(TEMPLATE)
    except NotOnCluster as error:
        raise NotOnCluster(
            f"the cluster has no WorkflowTemplate {TEMPLATE}: {error}; it comes with the Application `workflows` of "
            "apps/, or name the namespace that has it by --namespace"
        ) from None


def _make(server: ArgoServer, name: str, options: Mapping[str, Any], mark: str) -> dict[str, Any] | None:
    """The Workflow; None if somebody else has one of that name."""
    try:
        return server.submit(TEMPLATE, {**options, "name": name})
    except ClusterError as error:
        found = _existing(server, name)
        if found is None:
            raise error from None
        labels = found["metadata"].get("labels") or {}
        return found if labels.get(SUBMISSION_LABEL) == mark else None


def _existing(server: ArgoServer, name: str) -> dict[str, Any] | None:
    try:
        return server.workflow(name)
    except NotOnCluster:
        return None


def _check(template: Mapping[str, Any], given: Mapping[str, str]) -> None:
    """Argo takes what a template does not know without a word, and looks at no enum."""
    known = {item["name"]: item for item in (template["spec"].get("arguments") or {}).get("parameters") or []}
    for name, value in given.items():
        if name not in known:
            raise UsageError(
                f"the cluster's WorkflowTemplate {TEMPLATE} has no parameter {name}: it has {', '.join(sorted(known))}"
            )
        allowed = known[name].get("enum") or []
        if allowed and value not in allowed:
            raise UsageError(f"{name} is {value}: the cluster allows {', '.join(allowed)}")
