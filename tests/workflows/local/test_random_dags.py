"""Random DAGs of real processes against a model of a few lines."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

RESULTS = ["", ".Succeeded", ".Failed", ".Omitted", ".Skipped"]
DONE = {"": ("Succeeded", "Skipped"), ".Succeeded": ("Succeeded",), ".Failed": ("Failed",)}
DONE |= {".Omitted": ("Omitted",), ".Skipped": ("Skipped",)}


@st.composite
def dags(draw):
    """Up to 7 tasks: (fails, skipped, [(task before, wanted result)]), joined by `&&` or `||`."""
    tasks = []
    for number in range(draw(st.integers(1, 7))):
        needed = draw(st.lists(st.integers(0, number - 1), unique=True, max_size=3)) if number else []
        edges = [(other, draw(st.sampled_from(RESULTS))) for other in needed]
        how = draw(st.sampled_from(["succeeds", "succeeds", "succeeds", "fails", "skipped"]))
        tasks.append((how, edges, draw(st.sampled_from(["&&", "||"]))))
    return tasks


def _model(tasks) -> tuple[list[str], str]:
    """Each task's phase, and the run's: that of the targets' branches, a failure before all."""
    phases, branches = [], []
    for how, edges, operator in tasks:
        met = [phases[other] in DONE[result] for other, result in edges]
        runs = not met or (all(met) if operator == "&&" else any(met))
        phase = {"succeeds": "Succeeded", "fails": "Failed", "skipped": "Skipped"}[how] if runs else "Omitted"
        above = {branch for other, _ in edges for branch in branches[other]} or {"Succeeded"}
        phases.append(phase)
        branches.append({phase} if phase in ("Succeeded", "Failed") else above)
    needed = {other for _, edges, _ in tasks for other, _ in edges}
    leaves = [branches[number] for number in range(len(tasks)) if number not in needed]
    return phases, "Failed" if any("Failed" in leaf for leaf in leaves) else "Succeeded"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dags())
def test_a_random_dag_ends_as_the_model_says(local, tasks):
    """Every task starts only after what it depends on has ended, and every phase is the model's."""
    document = local.dag(
        *(
            local.task(
                f"t{number}",
                "exit 1" if how == "fails" else "true",
                depends=f" {operator} ".join(f"t{other}{result}" for other, result in edges),
                **({"when": "1 == 2"} if how == "skipped" else {}),
            )
            for number, (how, edges, operator) in enumerate(tasks)
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        status = local.run(document, directory=Path(folder) / "run")
    nodes = [status.find(f"wf.t{number}") for number in range(len(tasks))]
    phases, phase = _model(tasks)

    assert (phases, phase) == ([node.phase for node in nodes], status.phase)
    assert all(
        nodes[other].finished <= node.started for node, task in zip(nodes, tasks, strict=True) for other, _ in task[1]
    )
