"""Version switches under a constant load by both transports: no request fails, none is answered by a wrong version."""

import json

import numpy as np

from serving.core.servable_id import ServableId
from serving.core.servable_state import ManagerState
from tests.bench.load.open_loop import Asked, OpenLoad
from tests.bench.switches import Run, Versions, asking, wrong
from tests.bench.targets import PREDICT
from tests.bench.wire import predict_request

SWITCHES, RATE, WAIT_S = 30, 200, 60
X = np.array([2.0], np.float32)


def asked(options, folder):
    """Both ports, each with the request that x = 2 makes."""
    (folder / "grpc").write_bytes(predict_request("half", X))
    (folder / "rest").write_text(json.dumps({"instances": X.tolist()}))
    return [
        Asked(options.grpc_port, "grpc", PREDICT, str(folder / "grpc")),
        Asked(options.rest_api_port, "rest", "/v1/models/half:predict", str(folder / "rest")),
    ]


def test_no_request_fails_while_versions_are_switched(half_plus_two, half_plus_three, start_server, tmp_path):
    """Even versions answer 3, odd ones 4; every answer is of a version that was aspired meanwhile."""
    versions, run = Versions([half_plus_two, half_plus_three], tmp_path / "half", tmp_path / "staging"), Run(variants=2)
    versions.place(0)
    clients = start_server(tmp_path / "half")
    monitor = clients.server.monitor

    def wait_until_gone(version):
        assert monitor.wait_until(ServableId("half", version), ManagerState.END, WAIT_S)

    load = OpenLoad(asked(clients.server.options, tmp_path), [[3.0], [4.0]], RATE, str(tmp_path / "records.npy"))
    with asking(load, run):
        for _ in range(SWITCHES):
            run.switches.append(versions.switch(lambda: None, wait_until_gone))

    assert {} == run.failures
    assert not wrong(run).any()
    assert {0, 1} == set(run.records[:, 2])
    assert {0, 1} == set(run.records[:, 3])
    assert [ServableId("half", SWITCHES)] == clients.server.available_ids()
    clients.close()
