import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving.core.servable_id import ServableId
from serving.errors import ServingError
from serving.servables.predict import run_predict
from serving.servables.saved_model import load_saved_model
from serving.servables.saved_model_loader import LoaderOptions, SavedModelLoader
from serving.servables.warmup import MAX_RECORDS, WARMUP_FILE, run_saved_model_warmup


@pytest.fixture
def bundle(odd_tf2):
    """The model with a counter, loaded afresh."""
    found = load_saved_model(str(odd_tf2))
    yield found
    found.close()


def write(path, *logs):
    """Writes the records as TFRecord."""
    file = path / WARMUP_FILE
    file.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for log in logs:
            writer.write(log if isinstance(log, bytes) else log.SerializeToString())
    return str(path)


def count_log(step=1):
    """Counts on by `step`."""
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = "count"
    log.predict_log.request.inputs["step"].CopyFrom(tf.make_tensor_proto(step, tf.int64))
    return log


def counted(bundle):
    """Where the counter stands."""
    return int(run_predict(bundle, "count", {"step": np.array(0, "i8")})["count"])


@pytest.mark.parametrize(("iterations", "expected"), [(0, 3), (1, 3), (4, 12)])
def test_each_record_is_replayed_so_many_times(bundle, tmp_path, iterations, expected):
    """Once, unless more is asked for."""
    assert 2 == run_saved_model_warmup(bundle, write(tmp_path, count_log(1), count_log(2)), iterations)
    assert expected == counted(bundle)


def test_no_file_and_an_empty_one_are_fine(bundle, tmp_path):
    """Warming up is optional."""
    assert 0 == run_saved_model_warmup(bundle, str(tmp_path))
    assert 0 == run_saved_model_warmup(bundle, write(tmp_path))


def examples_log(kind, signature):
    """A recorded request with one tf.Example."""
    log = prediction_log_pb2.PredictionLog()
    request = getattr(log, kind).request
    example = request.input.example_list.examples.add()
    example.features.feature["x"].float_list.value.append(2)
    if kind == "multi_inference_log":
        for method in ("classify", "regress"):
            task = request.tasks.add(method_name=f"tensorflow/serving/{method}")
            task.model_spec.name, task.model_spec.signature_name = "m", signature[method]
    else:
        request.model_spec.signature_name = signature
    return log


@pytest.fixture(scope="module")
def estimator(tmp_path_factory):
    """A model that classifies and regresses tf.Examples."""
    path = tmp_path_factory.mktemp("estimator") / "1"

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def regress(inputs):
        return {"outputs": tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"] / 2}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def classify(inputs):
        return {"scores": tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"] / 2}

    tf.saved_model.save(tf.Module(), str(path), signatures={"r": regress, "c": classify})
    return load_saved_model(str(path))


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (examples_log("classify_log", "c"), None),
        (examples_log("regress_log", "r"), None),
        (examples_log("multi_inference_log", {"classify": "c", "regress": "r"}), None),
        (examples_log("regress_log", "no"), "INVALID_ARGUMENT: No signature was found with the name: no"),
        (prediction_log_pb2.PredictionLog(), "UNIMPLEMENTED: Unsupported log_type for warmup: 0"),
        (
            prediction_log_pb2.PredictionLog(session_run_log=prediction_log_pb2.SessionRunLog()),
            "UNIMPLEMENTED: Unsupported log_type for warmup: 5",
        ),
        (b"\xff\0text", "INVALID_ARGUMENT: Failed to parse warmup record: \\xff\0text from {path}/" + WARMUP_FILE),
    ],
)
def test_every_kind_of_log(estimator, tmp_path, log, expected):
    """Each is answered as its RPC is; what is none of them, or no log, is refused."""
    path = write(tmp_path, log)
    if expected is None:
        assert 1 == run_saved_model_warmup(estimator, path)
    else:
        with pytest.raises(ServingError) as failed:
            run_saved_model_warmup(estimator, path)

        assert expected.format(path=path) == failed.value.status()


def test_a_tensor_that_is_none_fails_the_warmup(bundle, tmp_path):
    """As it fails a request."""
    log = count_log()
    log.predict_log.request.inputs["step"].tensor_shape.dim.add().size = -1
    with pytest.raises(ServingError, match="tensor parsing error: step"):
        run_saved_model_warmup(bundle, write(tmp_path, log))


def test_at_most_a_thousand_records(bundle, tmp_path):
    """The one too many is still replayed."""
    path = write(tmp_path, *[count_log()] * (MAX_RECORDS + 2))
    with pytest.raises(ServingError) as failed:
        run_saved_model_warmup(bundle, path)

    assert (
        f"INVALID_ARGUMENT: Number of warmup records exceeds the maximum (1000) at {path}/{WARMUP_FILE}"
        == failed.value.status()
    )
    assert MAX_RECORDS + 1 == counted(bundle)


def test_a_file_that_is_no_tfrecord(bundle, tmp_path):
    """TensorFlow's text and upstream's advice."""
    path = write(tmp_path)
    (tmp_path / WARMUP_FILE).write_bytes(b"no such thing as a record")
    with pytest.raises(ServingError) as failed:
        run_saved_model_warmup(bundle, path)

    assert (
        "DATA_LOSS: corrupted record at 0 (Is this even a TFRecord file?). Please verify your warmup data is in "
        "TFRecord format."
    ) == failed.value.status()


def test_a_loader_prepares_before_it_warms_up(odd_tf2):
    """The graph's description is there for it, and gone afterwards."""
    seen = []

    def prepare(bundle, path):
        seen.append((len(bundle.meta_graph_def.graph_def.node) > 0, path))

    loader = SavedModelLoader(ServableId("odd", 1), str(odd_tf2), LoaderOptions(prepare=prepare))
    bundle = loader.load()

    assert [(True, str(odd_tf2))] == seen
    assert bundle.meta_graph_def is None
    loader.unload()
    loader.unload()
    with pytest.raises(ServingError, match="Session has been closed"):
        counted(bundle)


def test_what_preparing_raises_fails_the_load(odd_tf2):
    """Nothing stays loaded."""
    kept = []

    def prepare(bundle, path):
        kept.append(bundle)
        raise ServingError("no")

    with pytest.raises(ServingError, match="no"):
        SavedModelLoader(ServableId("odd", 1), str(odd_tf2), LoaderOptions(prepare=prepare)).load()
    with pytest.raises(ServingError, match="Session has been closed"):
        counted(kept[0])
