"""The local engine gives what Argo gives: the same small workflows on both, compared node by node."""

import pytest

from tests.e2e.parity import cases
from tests.e2e.parity.comparison import differences, out_of_order, started_too_early, view

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
CASES = cases.every()


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_the_local_engine_gives_what_argo_gives(case, runs):
    """Every node has the same place, phase, message, inputs, outputs and attempts, and ends in the same order."""
    argo, local = runs.argo[case.name], runs.local[case.name].result()
    both = {"Argo": argo, "local": local}
    wrong = [f"{who}: {line}" for who, run in both.items() for line in out_of_order(run, case.order)]
    wrong += [f"{who}: {line}" for who, run in both.items() for line in started_too_early(run)]

    wrong += differences(view(argo), view(local))

    assert not wrong, "\n".join(wrong)
