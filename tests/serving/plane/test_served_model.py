"""What a version is loaded in spite of."""

import httpx

from tests.serving.servables.conftest import rewrite


def test_a_signature_without_its_tensor_leaves_the_others_served(start_server, half_plus_two, publish, tmp_path):
    """Upstream never looks for a signature's tensors before it is asked for them."""

    def add_signature(meta_graph):
        signatures = meta_graph.signature_def
        signatures["broken"].CopyFrom(signatures["serving_default"])
        signatures["broken"].outputs["y"].name = "again:7"
        node = meta_graph.graph_def.node.add(name="again", op="Identity", input=["serving_default_x"])
        node.attr["T"].type = signatures["broken"].inputs["x"].dtype

    rewrite(publish(half_plus_two, tmp_path / "half", 1), add_signature)
    rest = start_server(tmp_path / "half").rest

    def ask(signature: str) -> httpx.Response:
        return rest.post("/v1/models/half:predict", json={"signature_name": signature, "instances": [1.0]})

    assert ask("serving_default").json() == {"predictions": [2.5]}
    assert ask("broken").status_code == 404
    assert ask("broken").json() == {"error": "FetchOutputs node again:7: not found"}
