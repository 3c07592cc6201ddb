"""A version is whole or not there, loads anywhere, and has the same digest whenever it is made of the same things."""

import json
import subprocess

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from training import dataset as datasets
from training import export as exports
from training import manifest
from training.errors import TrainingError


@pytest.fixture(scope="module")
def two_exports(cancer_run, step_command, tmp_path_factory):
    """The same trained model exported by two processes at once, under two uids."""
    folder = tmp_path_factory.mktemp("exports")
    flags = {
        "model": "cancer",
        "dataset": cancer_run.dataset,
        "trained": cancer_run.trained,
        "evaluation": cancer_run.evaluation,
        "version": "20261122143000",
        "source_commit": "abc",
        "workflow": "train-cancer-x",
    }
    commands = [
        step_command("export", **flags, uid=name, exported=folder / name, report=folder / f"{name}.json")
        for name in ("one", "two")
    ]
    for process in [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in commands]:
        assert (0, "") == (process.wait(), process.stderr.read())
        process.stderr.close()
    return folder / "one", folder / "two"


def test_two_processes_export_the_same_digest(two_exports):
    """Every file but the trace id and the manifest that repeats it is the same, byte for byte."""
    one, two = map(manifest.read, two_exports)

    assert one["digest"] == two["digest"]
    assert {manifest.TRACE_ID} == {path for path in one["files"] if one["files"][path] != two["files"][path]}


def test_the_manifest_says_what_made_the_version(two_exports, cancer_run):
    """And its digests are those of the files that are there."""
    content = manifest.read(two_exports[0])

    assert ("cancer", "20261122143000", "abc", "train-cancer-x", "one", 1) == tuple(
        content[key] for key in ("model", "version", "source_commit", "workflow", "uid", "seed")
    )
    assert cancer_run.training["weights_digest"] == content["weights_digest"]
    assert cancer_run.measured["metrics"] == content["metrics"]
    assert manifest.file_digests(two_exports[0]) == content["files"]
    assert "one" == (two_exports[0] / manifest.TRACE_ID).read_text()


def test_the_report_counts_files_and_signatures(two_exports):
    """Bytes and files of the directory as it is."""
    report = json.loads((two_exports[0].parent / "one.json").read_text())
    files = [path for path in two_exports[0].rglob("*") if path.is_file()]

    assert ["classify", "serving_default"] == report["signatures"]
    assert (len(files), sum(path.stat().st_size for path in files)) == (report["files"], report["bytes"])


def test_a_stock_session_serves_both_signatures(digits_export, digits_run):
    """Under tag `serve`, with TensorFlow Serving's method names; predict and classify give the same scores."""
    images = datasets.read(digits_run.dataset, "digits").splits["test"].features["images"][:3]
    serialised = []
    for image in images:
        example = tf.train.Example()
        example.features.feature["images"].float_list.value.extend(image.reshape(-1).tolist())
        serialised.append(example.SerializeToString())
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        signatures = tf.compat.v1.saved_model.load(session, ["serve"], str(digits_export)).signature_def
        predict, classify = signatures["serving_default"], signatures["classify"]
        predicted = session.run(
            {name: info.name for name, info in predict.outputs.items()}, {predict.inputs["images"].name: images}
        )
        classified = session.run(
            {name: info.name for name, info in classify.outputs.items()}, {classify.inputs["inputs"].name: serialised}
        )

    assert "tensorflow/serving/predict" == predict.method_name
    assert "tensorflow/serving/classify" == classify.method_name
    assert [[str(digit).encode() for digit in range(10)]] * 3 == classified["classes"].tolist()
    np.testing.assert_allclose(predicted["scores"], classified["scores"], atol=1e-6)
    assert [str(digit).encode() for digit in predicted["scores"].argmax(axis=1)] == predicted["classes"].tolist()


def test_each_feature_of_a_table_is_an_input_of_its_own(cancer_export):
    """<float32>[batch] by name, normalised inside; any batch size, none included."""
    signature = tf.saved_model.load(cancer_export).signatures["serving_default"]
    inputs = signature.structured_input_signature[1]
    sizes = [signature(**{name: tf.zeros([rows]) for name in inputs})["scores"].shape for rows in (0, 1, 5)]

    assert 30 == len(inputs)
    assert {(None,)} == {tuple(spec.shape.as_list()) for spec in inputs.values()}
    assert [[0, 2], [1, 2], [5, 2]] == [shape.as_list() for shape in sizes]


def test_warm_up_records_are_predict_and_classify_requests(digits_export):
    """A TFRecord of PredictionLog, as TensorFlow Serving replays it."""
    path = digits_export / "assets.extra" / "tf_serving_warmup_requests"
    records = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(path))
    ]

    assert ["predict_log", "predict_log", "classify_log", "classify_log"] == [
        record.WhichOneof("log_type") for record in records
    ]
    assert [1, 8] == [record.predict_log.request.inputs["images"].tensor_shape.dim[0].size for record in records[:2]]
    assert "classify" == records[2].classify_log.request.model_spec.signature_name


@pytest.mark.parametrize("version", ["v1", "", "0123", "1.0", "²", "9" * 20])
def test_a_version_that_is_no_integer_is_refused(cancer_run, tmp_path, version):
    """TensorFlow Serving would not see the directory."""
    with pytest.raises(TrainingError, match="a version is an integer"):
        call(cancer_run, tmp_path, version)
    assert not (tmp_path / "exported").exists()


def test_an_interrupted_export_leaves_nothing_under_the_final_name(cancer_run, tmp_path, monkeypatch):
    """Stopped at the last moment, then run again: whole."""

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(manifest, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            call(cancer_run, tmp_path, "1")
    assert not (tmp_path / "exported").exists()

    call(cancer_run, tmp_path, "1")

    assert "1" == manifest.read(tmp_path / "exported")["version"]
    assert {"exported", "report.json"} == {path.name for path in tmp_path.iterdir()}


def call(run, folder, version):
    """Exports a run into a folder."""
    exports.export(
        model=run.model,
        dataset=run.dataset,
        trained=run.trained,
        evaluation=run.evaluation,
        version=version,
        source_commit="abc",
        workflow="train-x",
        uid="u",
        exported=folder / "exported",
        report=folder / "report.json",
    )
