import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

ASK = """
import json, sys
from serving.servables import tensorflow_light
before = {"tensorflow", "numpy"} & set(sys.modules)
tensorflow_light.preload()
light = tensorflow_light.use(), tensorflow_light.use()
import numpy as np
from serving.errors import ServingError
from serving.servables.predict import run_predict
from serving.servables.saved_model import SavedModelOptions, load_saved_model
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2, get_model_metadata_pb2, inference_pb2

def ask(bundle, signature, inputs, timeout_s=None):
    try:
        values = run_predict(bundle, signature, inputs, (), timeout_s)
        return {alias: value.tolist() for alias, value in sorted(values.items()) if value.dtype != object}
    except ServingError as error:
        return error.status()

tf2 = load_saved_model(sys.argv[1])
tf1 = load_saved_model(sys.argv[2], SavedModelOptions(tags=("serve", "cpu")))
word = np.array([b"pear"], object)
answers = [
    ask(tf2, "lookup", {"word": word}),
    ask(tf2, "count", {"step": np.array(2, "i8")}),
    ask(tf2, "endless", {"start": np.array(1, "i4")}, 0.05),
    ask(tf2, "lookup", {"word": np.ones(1)}),
    ask(tf2, "parse", {"examples": word}),
    ask(tf1, "", {"x": np.ones((1, 3), "f4")}),
    ask(tf1, "lookup", {"word": word}, 30),
    ask(tf1, "block", {"x": np.ones((2, 2), "f4")}, 0.05),
]
try:
    load_saved_model("/nowhere")
except ServingError as error:
    answers.append(error.status())
try:
    import tensorflow
    tensorflow.constant
except AttributeError as error:
    attribute = str(error)
heavy = sorted(name for name in sys.modules if name.startswith(("tensorflow.python", "keras", "grpc")))
said = {"before": sorted(before), "light": light, "answers": answers, "attribute": attribute, "heavy": heavy}
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def answered(odd_tf2, odd_tf1):
    """What a process without TensorFlow's Python API says."""
    command = [sys.executable, "-c", ASK, str(odd_tf2), str(odd_tf1)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert not result.returncode, result.stderr
    return json.loads(result.stdout)


def test_a_process_serves_without_tensorflows_python_api(answered):
    """Loads, initialises, runs with and without a limit, and says TensorFlow's errors with their codes."""
    lookup, count, endless, dtype, parse, scaled, tf1_lookup, block, nowhere = answered["answers"]

    assert [{"index": [1]}, {"count": 2}, {"index": [1]}] == [lookup, count, tf1_lookup]
    assert {"twice": [[3, 3, 3]], "y": [[3, 3, 3]]} == scaled
    assert "DEADLINE_EXCEEDED: Timed out waiting for notification" == endless == block
    assert "INVALID_ARGUMENT: Expects arg[0] to be string but double is provided" == dtype
    assert parse.startswith("INVALID_ARGUMENT: Error parsing Protobuf: ") or "parse" in parse
    assert nowhere.startswith("NOT_FOUND: Specified file path does not appear to contain a SavedModel bundle")


def test_nothing_heavy_is_imported(answered):
    """Neither by importing the module, nor by serving; a second call changes nothing."""
    extension = "tensorflow.python.client._pywrap_tf_session"
    stubs = {"tensorflow.python", "tensorflow.python.client", "tensorflow.python._pywrap_py_exception_registry"}

    assert ([], [True, True]) == (answered["before"], answered["light"])
    assert {extension} | stubs == set(answered["heavy"])


def test_the_stub_says_what_it_is(answered):
    """An attribute of the API is refused with the reason."""
    assert "tensorflow.constant is not there: this server runs without TensorFlow's Python API" == answered["attribute"]


IMPORTED_BEFORE = """
import tensorflow as tf
from serving.servables import tensorflow_light
print(tensorflow_light.use(), int(tf.constant(2)))
"""
AN_ENTRY_POINT_LESS = """
from serving.servables import private_session, tensorflow_light
private_session.ENTRY_POINTS += ("TF_Gone",)
used = tensorflow_light.use()
import tensorflow as tf
print(used, int(tf.constant(2)))
"""


@pytest.mark.parametrize("code", [IMPORTED_BEFORE, AN_ENTRY_POINT_LESS])
def test_tensorflow_itself_is_used_where_it_must(code):
    """It was imported before; or it lacks an entry point, and is imported after all."""
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert "False 2" == result.stdout.strip()
