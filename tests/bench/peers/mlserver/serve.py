"""MLServer in one process (parallel_workers=0), with adaptive batching of 32; logs of requests are off.

Source: MLServer 1.7's documentation, "Custom inference runtimes", "Adaptive batching", "Parallel inference".
"""

import asyncio

from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse
from saved_model import OUTPUT, Path, arguments, load

options = arguments()


class SavedModel(MLModel):
    """MLServer's form of a model."""

    async def load(self):
        """Reads the model."""
        self._call = load(Path(self.settings.parameters.uri))
        return True

    async def predict(self, payload):
        """An InferenceRequest to an InferenceResponse."""
        y = self._call(NumpyCodec.decode_input(payload.inputs[0]))
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output(OUTPUT, y)])


async def main():
    """Serves until SIGTERM."""
    settings = Settings(
        host="127.0.0.1",
        http_port=options.rest_port,
        grpc_port=options.grpc_port,
        parallel_workers=0,
        metrics_endpoint=None,
        debug=False,
        use_structured_logging=False,
        gzip_enabled=False,
        grpc_max_message_length=1 << 26,
    )
    models = [
        ModelSettings(
            name=name,
            implementation=SavedModel,
            parameters={"uri": str(options.models / name)},
            max_batch_size=32,
            max_batch_time=0.001,
        )
        for name in options.names
    ]
    await MLServer(settings).start(models)


asyncio.run(main())
