"""LitServe with one worker and batches of up to 32 without waiting; REST only. Logs of requests are off.

Source: LitServe 0.2's documentation, "LitAPI", "Batching", "Multiple endpoints".
"""

from litserve import LitAPI, LitServer
from saved_model import INPUT, OUTPUT, arguments, load, np

options = arguments()


class SavedModel(LitAPI):
    """LitServe's form of a model."""

    def __init__(self, name):
        super().__init__(max_batch_size=32, batch_timeout=0.0, api_path=f"/{name}")
        self.name = name

    def setup(self, device):  # noqa: ARG002 - LitServe's signature
        """Reads the model."""
        self._call = load(options.models / self.name)

    def decode_request(self, request):
        """The document to <float32>[1, ...]."""
        return np.asarray(request[INPUT], np.float32)

    def batch(self, inputs):
        """Rows of several requests to one array."""
        return np.concatenate(inputs)

    def predict(self, x):
        """<float32>[batch, ...] to <float32>[batch, 10]."""
        return self._call(x)

    def unbatch(self, output):
        """One row a request."""
        return list(output)

    def encode_response(self, output):
        """One row to the document."""
        return {OUTPUT: [output.tolist()]}


if __name__ == "__main__":
    server = LitServer([SavedModel(name) for name in options.names], accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1", port=options.rest_port, log_level="warning", access_log=False, generate_client_file=False
    )
