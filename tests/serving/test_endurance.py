"""Many requests of every kind, most of them bad, over both transports: nothing of them stays."""

import gc

import numpy as np
import psutil

from tests.bench.endurance import Mix, held

REQUESTS, X = 20_000, np.full((1,), 0.5, np.float32)
MIB = 1 << 20


def test_nothing_stays_of_requests_good_and_bad(half_plus_two, publish, start_server, tmp_path, wait_until):
    """Threads, descriptors and Python objects as before; memory grows by what caches hold, and then no more."""
    publish(half_plus_two, tmp_path, 1)
    clients = start_server(tmp_path)
    options, process = clients.server.options, psutil.Process()
    mix = Mix(options.grpc_port, options.rest_api_port, "half", X)
    mix.send(REQUESTS // 4)
    before, objects = held(process, mix.sent), living()
    mix.send(3 * REQUESTS // 4)

    wait_until(lambda: process.num_fds() <= before.descriptors + 2, 20)
    after = held(process, mix.sent)
    assert 0 < mix.refused < mix.sent
    assert after.threads <= before.threads + 2
    assert living() < objects + 5000
    assert after.rss - before.rss < 40 * MIB
    assert 2.25 == clients.rest.post("/v1/models/half:predict", json={"instances": [0.5]}).json()["predictions"][0]
    mix.close()
    clients.close()


def living():
    """How many objects the garbage collector knows of, when it has collected."""
    gc.collect()
    return len(gc.get_objects())
