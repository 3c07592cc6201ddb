"""Runs a rendered Argo `WorkflowTemplate` on one machine, as Argo Workflows 4.0 would; refuses by name what it cannot.

    status = run(document, arguments={"model": "digits"}, directory=runs / name, cwd=repository, name=name,
                 uid=uid, created=created, env={}, watch=tree.watcher())
    status.phase, status.message, status.nodes

* `document` is the parsed YAML, `arguments` the values of its parameters; WorkflowError says in one sentence what does
  not fit, before anything starts.
* `directory` becomes the run: `workflow.json` (an Argo `Workflow` object, rewritten whole at each change),
  `<node>/main.log` with `<node>/` as the root of the step's declared paths, and `artifacts/<node>/<name>`.
* A step runs in `cwd` with the caller's environment, `env` and its template's `env`; `python` is this interpreter.
* `watch` sees every change; `tree.watcher()` draws. It is not imported here, since rich takes its time.
* A first Ctrl-C or SIGTERM stops the steps (SIGKILL after `grace_s`), lets the exit handler run and ends the run as
  Failed, "Stopped with strategy 'Stop'"; a second one kills at once. No process outlives the run, nor its engine.
* `locks` is the folder of the files by which runs share mutexes; by default one for the whole machine.

Held against Argo 4.0.2 itself, node by node, by tests/e2e/parity.
Not a scheduler, and no second way of writing workflows: more than one machine means Argo. Refused by name: suspend,
http, plugin, resource, data and containerSet templates, daemons, hooks, memoize, sidecars, templateRef, inline,
templateDefaults, workflowTemplateRef, semaphores, `{{=...}}` expressions, required Secrets and ConfigMaps, and inputs
that would be fetched from a store. Read past, each for a reason in ignored.py: what says where and as whom a pod runs.
"""

from workflows.local.engine import Watcher, run
from workflows.local.status import Node, Progress, Status

__all__ = ["Node", "Progress", "Status", "Watcher", "run"]
