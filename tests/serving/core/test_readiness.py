import pytest

from serving.core.readiness import not_ready_reasons
from serving.core.servable_id import ServableId
from serving.core.servable_state import ManagerState, ServableState
from serving.errors import DataLoss

START, LOADING, AVAILABLE, UNLOADING, END = ManagerState


@pytest.mark.parametrize(
    ("models", "aspired", "states", "expected"),
    [
        ({}, {}, {}, []),
        ({"m": ()}, {"m": [1]}, {1: AVAILABLE}, []),
        ({"m": ()}, {"m": [1, 2]}, {1: AVAILABLE, 2: AVAILABLE, 3: LOADING}, []),
        ({"m": ()}, {}, {}, ["Model m has not been looked for yet."]),
        ({"m": ()}, {"m": []}, {1: END}, ["No version of model m was found."]),
        ({}, {"m": []}, {1: END}, []),
        ({"m": ()}, {"m": [1]}, {}, ["Version 1 of model m has not been started yet."]),
        (
            {"m": ()},
            {"m": [1, 2]},
            {1: AVAILABLE, 2: LOADING},
            ["Version 2 of model m is not available but in state LOADING."],
        ),
        ({}, {"m": [1]}, {1: UNLOADING}, ["Version 1 of model m is not available but in state UNLOADING."]),
        ({"m": ()}, {"m": [3]}, {3: END}, ["Version 3 of model m could not be loaded: DATA_LOSS: damaged"]),
        ({"m": (1, 2)}, {"m": [1]}, {1: AVAILABLE}, ["Version 2 of model m was not found."]),
        ({"m": (1,)}, {"m": []}, {}, ["No version of model m was found."]),
    ],
)
def test_what_is_missing(models, aspired, states, expected):
    """Everything that is asked for, and nothing else, has to be available."""
    lists = {name: [ServableId(name, version) for version in versions] for name, versions in aspired.items()}

    def state(servable_id):
        if servable_id.version not in states:
            return None
        last = states[servable_id.version]
        return ServableState(servable_id, last, DataLoss("damaged") if last is END else None)

    assert expected == not_ready_reasons(models, lists, state)
