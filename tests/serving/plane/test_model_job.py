"""Which requests run when a thread gets to them."""

import queue
import threading
from types import SimpleNamespace

from serving.errors import Code
from serving.model_spec import ModelSpec
from serving.plane.model_job import ModelJob
from serving.plane.model_threads import ModelThreads

WAIT_S = 10


def test_a_request_whose_client_has_gone_does_not_run():
    """A thousand cancelled calls of a slow model must not keep the next one waiting."""
    model = SimpleNamespace(threads=ModelThreads("m", 1), metadata=())
    released, ran, answers, free = [], [], queue.Queue(), threading.Event()
    handle = SimpleNamespace(servable=model, release=lambda: released.append(1))
    inbox = SimpleNamespace(put=lambda call: call())

    def ask(name, client, work=lambda: b""):
        def run(*_):
            ran.append(name)
            return work()

        def done(_, error):
            answers.put((name, error and error.code))

        ModelJob(handle, ModelSpec("m"), run, inbox).start(done, None, 0, client)

    gone, waiting = SimpleNamespace(cancelled=False), SimpleNamespace(cancelled=False)
    ask("long", waiting, lambda: str(free.wait(WAIT_S)).encode())
    ask("gone", gone)
    ask("waiting", waiting)
    gone.cancelled = True
    free.set()

    assert [answers.get(timeout=WAIT_S) for _ in range(3)] == [
        ("long", None),
        ("gone", Code.CANCELLED),
        ("waiting", None),
    ]
    assert ran == ["long", "waiting"]
    assert len(released) == 3
    model.threads.close()
