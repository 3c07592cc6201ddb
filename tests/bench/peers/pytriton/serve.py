"""Triton with its Python backend. Dynamic batching on, as its documentation advises; one instance per model.

Source: PyTriton 0.7's documentation, "Binding models" and "Decorators".
"""

import signal
import threading

from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig
from saved_model import INPUT, OUTPUT, arguments, load, np, shape

options = arguments()
config = TritonConfig(
    http_address="127.0.0.1",
    http_port=options.rest_port,
    grpc_address="127.0.0.1",
    grpc_port=options.grpc_port,
    allow_metrics=False,
    log_verbose=0,
)


def inference(call):
    """PyTriton's form of a model."""

    @batch
    def infer(**inputs):
        return {OUTPUT: call(inputs[INPUT])}

    return infer


with Triton(config=config) as triton:
    for name in options.names:
        folder = options.models / name
        triton.bind(
            model_name=name,
            infer_func=inference(load(folder)),
            inputs=[Tensor(name=INPUT, dtype=np.float32, shape=shape(folder))],
            outputs=[Tensor(name=OUTPUT, dtype=np.float32, shape=(10,))],
            config=ModelConfig(max_batch_size=32, batcher=DynamicBatcher()),
        )
    triton.run()
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    stopped.wait()
