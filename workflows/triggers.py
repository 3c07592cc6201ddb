"""WorkflowEventBinding `push-<model>`: a push that changes what a model is made by starts `train` for it.

The git host tells Argo Server of a push; a host's signature is checked there, before any of this is asked. What the
hosts send of a push (GitHub, GitLab and Gitea alike): `ref`, `after`, and `commits`, each with its author and the files
that it has added, modified and removed. Argo evaluates the selector: https://expr-lang.org/docs/language-definition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hera.workflows.models import (
    Arguments,
    Event,
    ObjectMeta,
    Parameter,
    Submit,
    ValueFrom,
    WorkflowEventBinding,
    WorkflowEventBindingSpec,
    WorkflowTemplateRef,
)

from workflows.change import AUTHOR
from workflows.platform import NAMESPACE
from workflows.submit import MODEL_LABEL, TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Sequence

BOT = AUTHOR.partition("<")[2].rstrip(">")
# Of workflows/: the engine and the commands of one machine, and what only says when `train` starts.
ELSEWHERE = (
    "local/",
    "commands/",
    "triggers[.]py",
    "retrain[.]py",
    "rendered/triggers[.]yaml",
    "rendered/retrain[.]yaml",
)
LISTED = 3000  # files of one commit, which GitHub lists at most
# `after` is all zeros when a branch is removed. A host that leaves commits out (GitLab lists 20 of them, Gitea 15) says
# how many there are, and one that leaves files out has no list: what cannot be known starts a run.
SELECTOR = """\
let branch = "main";
let commits = payload?.commits ?? [];
payload?.ref == "refs/heads/" + branch
&& (payload?.after ?? "") matches "[1-9a-f]"
&& (
  (payload?.total_commits_count ?? payload?.total_commits ?? 0) > len(commits)
  || any(commits, {
    let files = concat(#.added ?? [], #.modified ?? [], #.removed ?? []);
    #.author?.email != %(bot)s
    && (
      (#.added ?? #.modified ?? #.removed) == nil
      || len(files) >= %(listed)d
      || any(files, {
        !(# endsWith ".md") && (
          # startsWith %(own)s
          || # startsWith "training/" && !(# matches "^training/models/[^/]+/")
          || # startsWith "workflows/" && !(# matches %(elsewhere)s)
        )
      })
    )
  })
)
"""


def selector(model: str) -> str:
    """Which pushes start a run of the model, as an expression of Argo's."""
    return SELECTOR % {
        "bot": f'"{BOT}"',
        "listed": LISTED,
        "own": f'"training/models/{model}/"',
        "elsewhere": f'"^workflows/({"|".join(ELSEWHERE)})"',
    }


def binding(model: str) -> WorkflowEventBinding:
    """The trigger of one model. Its run is named for the commit, so that an event that comes twice starts one run."""
    parameters = {"model": f'"{model}"', "source-commit": "payload.after"}
    return WorkflowEventBinding(
        api_version="argoproj.io/v1alpha1",
        kind="WorkflowEventBinding",
        metadata=ObjectMeta(name=f"push-{model}", namespace=NAMESPACE),
        spec=WorkflowEventBindingSpec(
            event=Event(selector=selector(model)),
            submit=Submit(
                workflow_template_ref=WorkflowTemplateRef(name=TEMPLATE),
                metadata=ObjectMeta(
                    name=f'"{TEMPLATE}-{model}-" + payload.after[0:12]', labels={MODEL_LABEL: f'"{model}"'}
                ),
                arguments=Arguments(
                    parameters=[
                        Parameter(name=name, value_from=ValueFrom(event=expression))
                        for name, expression in parameters.items()
                    ]
                ),
            ),
        ),
    )


def triggers(models: Sequence[str]) -> list[WorkflowEventBinding]:
    """One for each model."""
    return [binding(model) for model in models]
