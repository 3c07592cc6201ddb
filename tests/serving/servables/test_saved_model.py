import shutil

import ml_dtypes
import numpy as np
import pytest

from serving.errors import Code, ServingError
from serving.servables.predict import run_predict
from serving.servables.saved_model import SavedModelOptions, load_saved_model
from serving.servables.tensorflow_session import Session

TF1 = SavedModelOptions(tags=("cpu", "serve"))


@pytest.fixture(scope="module")
def tf2(odd_tf2):
    """The TF2 model, loaded."""
    bundle = load_saved_model(str(odd_tf2))
    yield bundle
    bundle.close()


@pytest.fixture
def tf1(odd_tf1):
    """The TF1 model, loaded afresh: it has state."""
    bundle = load_saved_model(str(odd_tf1), TF1)
    yield bundle
    bundle.close()


def words(*values):
    """<string>[words]."""
    return np.array(values, object)


@pytest.mark.parametrize(
    ("signature", "inputs", "expected"),
    [
        ("lookup", {"word": words(b"pear", b"plum")}, {"index": [1, 2], "word_bytes": [b"pear", b"plum"]}),
        ("lookup", {"word": words()}, {"index": [], "word_bytes": []}),
        ("ragged", {"values": np.arange(3, dtype="f4"), "lengths": np.array([2, 0, 1])}, {"sums": [1, 0, 2]}),
        ("shape", {"any": np.zeros((2, 0, 3), "f4")}, {"shape": [2, 0, 3], "same": [[], []]}),
        ("shape", {"any": np.float32(1) * np.ones(())}, None),
        ("shape", {"any": np.array(4, "f4")}, {"shape": [], "same": 4}),
        ("scaled", {"x": np.ones(2, "f4")}, {"y": [2, 2]}),
        ("scaled", {"x": np.ones(2, "f4"), "scale": np.array(3, "f4")}, {"y": [3, 3]}),
    ],
)
def test_signatures_of_the_odd_kind_work(tf2, signature, inputs, expected):
    """Tables with asset files, ragged rows, unknown rank, optional inputs, zero rows, scalars."""
    if expected is None:
        with pytest.raises(ServingError, match=r"Expects arg\[0\] to be float but double is provided"):
            run_predict(tf2, signature, inputs)
    else:
        values = run_predict(tf2, signature, inputs)

        assert expected == {alias: value.tolist() for alias, value in values.items()}


def test_examples_are_parsed_by_the_graph(tf2):
    """Dense and sparse features of serialized tf.Examples."""
    from tensorflow.core.example import example_pb2

    example = example_pb2.Example()
    example.features.feature["x"].float_list.value.extend([1, 2])
    example.features.feature["tags"].bytes_list.value.append(b"a")
    values = run_predict(tf2, "parse", {"examples": words(example.SerializeToString(), example.SerializeToString())})

    assert {"sum": [3, 3], "tags": [[b"a"], [b"a"]]} == {alias: value.tolist() for alias, value in values.items()}


def test_rare_element_types_pass_through(tf2):
    """Half, bfloat16, complex, bool, narrow and unsigned integers."""
    inputs = {
        "float16": np.ones(2, "f2"),
        "bfloat16": np.ones(2, ml_dtypes.bfloat16),
        "complex64": np.ones(2, "c8"),
        "complex128": np.ones(2, "c16"),
        "bool": np.array([True, False]),
        "int8": np.array([-128], "i1"),
        "uint8": np.array([255], "u1"),
        "uint32": np.array([2**32 - 1], "u4"),
        "uint64": np.array([2**64 - 1], "u8"),
        "float64": np.array([np.nan, np.inf]),
    }
    values = run_predict(tf2, "rare", inputs)

    for alias, array in inputs.items():
        assert array.dtype == values[f"o_{alias}"].dtype
        np.testing.assert_array_equal(array, values[f"o_{alias}"])


def test_each_loaded_version_has_state_of_its_own(odd_tf2):
    """A counter counts on, and starts anew in another session."""
    one, other = load_saved_model(str(odd_tf2)), load_saved_model(str(odd_tf2))

    def count(bundle):
        return run_predict(bundle, "count", {"step": np.array(2, "i8")})["count"].tolist()

    assert [2, 4, 2] == [count(one), count(one), count(other)]
    one.close()
    other.close()


def test_a_tf1_saved_model_is_restored_and_initialised(tf1):
    """Reference variables, a table from an asset of a collection; the static shape [2, 2] is not enforced."""
    x = np.ones((1, 3), "f4")

    assert [[3, 3, 3]] == run_predict(tf1, "", {"x": x})["y"].tolist()
    assert [1, -1] == run_predict(tf1, "lookup", {"word": words(b"pear", b"x")})["index"].tolist()


def test_a_counted_value_stays_what_it_was(tf1):
    """What a run returned is not changed by the next, though both read one reference variable."""
    values = [run_predict(tf1, "count", {"step": np.array(1, "f4")})["count"] for _ in range(3)]

    assert [1, 2, 3] == [value.tolist() for value in values]


def test_outputs_may_share_a_tensor_or_be_an_input(tf1):
    """Two aliases of one tensor, and a tensor that is fed and asked for."""
    x = np.ones((2, 2), "f4")

    np.testing.assert_array_equal(x, run_predict(tf1, "echo", {"x": x})["x"])
    assert ["x"] == list(run_predict(tf1, "echo", {"x": x}, ["x"]))
    assert {"twice", "y"} == set(run_predict(tf1, "", {"x": x}))


@pytest.mark.parametrize(("fixture", "signature"), [("tf1", "block"), ("tf2", "endless")])
def test_a_graph_that_never_ends_is_broken_off(request, fixture, signature):
    """An empty queue and an endless loop; the session answers on."""
    bundle = request.getfixturevalue(fixture)
    inputs = {"x": np.ones((2, 2), "f4")} if fixture == "tf1" else {"start": np.array(1, "i4")}
    for _ in range(2):
        with pytest.raises(ServingError, match="Timed out waiting for notification") as failed:
            run_predict(bundle, signature, inputs, timeout_s=0.05)

        assert Code.DEADLINE_EXCEEDED == failed.value.code
    other = {"tf1": ("", {"x": np.ones((2, 2), "f4")}), "tf2": ("lookup", {"word": words(b"pear")})}[fixture]

    assert run_predict(bundle, *other, timeout_s=30)


def copy(saved, tmp_path):
    """The SavedModel, to be damaged."""
    return shutil.copytree(saved, tmp_path / "1")


def damage_index(path):
    """Cuts the index of the variables."""
    (path / "variables" / "variables.index").write_bytes(b"short")


def damage_data(path):
    """Loses the data of the variables."""
    (path / "variables" / "variables.data-00000-of-00001").unlink()


def alter_data(path):
    """Changes one byte of the variables."""
    file = path / "variables" / "variables.data-00000-of-00001"
    file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:])


def lose_variables(path):
    """Loses the folder."""
    shutil.rmtree(path / "variables")


def lose_assets(path):
    """Loses the vocabulary."""
    shutil.rmtree(path / "assets")


def only_chunked(path):
    """A kind of file that only upstream's internal build reads."""
    (path / "saved_model.pb").rename(path / "saved_model.cpb")


def bad_text(path):
    """Text that is no proto."""
    (path / "saved_model.pb").unlink()
    (path / "saved_model.pbtxt").write_text("meta_graphs {")


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (damage_index, "DATA_LOSS: "),
        (damage_data, "NOT_FOUND: "),
        (alter_data, "DATA_LOSS: "),
        (lose_variables, "NOT_FOUND: Unsuccessful TensorSliceReader constructor: Failed to find any matching files"),
        (lose_assets, "NOT_FOUND: "),
        (only_chunked, "NOT_FOUND: Could not find SavedModel .pb or .pbtxt at supplied export directory path: "),
        (bad_text, "DATA_LOSS: Can't parse "),
    ],
)
def test_a_damaged_saved_model_does_not_load(odd_tf2, tmp_path, damage, expected):
    """With TensorFlow's own code."""
    path = copy(odd_tf2, tmp_path)
    damage(path)
    with pytest.raises(ServingError) as failed:
        load_saved_model(str(path))

    assert failed.value.status().startswith(expected)


def test_a_saved_model_in_text_form_loads(odd_tf2, tmp_path):
    """saved_model.pbtxt is taken when there is no saved_model.pb."""
    from google.protobuf import text_format
    from tensorflow.core.protobuf import saved_model_pb2

    path = copy(odd_tf2, tmp_path)
    saved = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    (path / "saved_model.pb").unlink()
    (path / "saved_model.pbtxt").write_text(text_format.MessageToString(saved))
    bundle = load_saved_model(str(path))

    assert [1] == run_predict(bundle, "lookup", {"word": words(b"pear")})["index"].tolist()
    bundle.close()


@pytest.mark.parametrize("tags", [("serve",), ("serve", "gpu"), ()])
def test_tags_must_be_the_same_set(odd_tf1, tags):
    """Neither some of them nor more."""
    with pytest.raises(ServingError, match=f"supplied tags: {{ {' '.join(tags)} }}. To inspect") as failed:
        load_saved_model(str(odd_tf1), SavedModelOptions(tags=tags))

    assert Code.NOT_FOUND == failed.value.code


def test_a_constant_without_a_value_does_not_load(odd_tf2, tmp_path):
    """Upstream's audit of what a graph is initialised from."""
    from tensorflow.core.protobuf import saved_model_pb2

    path = copy(odd_tf2, tmp_path)
    saved = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    saved.meta_graphs[0].graph_def.node.add(name="c", op="Const")
    (path / "saved_model.pb").write_bytes(saved.SerializeToString())
    with pytest.raises(ServingError, match='node "c" which is a constant tensor but no value has been provided'):
        load_saved_model(str(path))


@pytest.mark.parametrize(("fixture", "targets"), [("half_plus_two", 1), ("odd_tf2", 2)])
def test_an_init_op_that_does_nothing_is_not_run(request, monkeypatch, fixture, targets):
    """Only the restore then; but one that fills tables is."""
    ran = []
    run_target = Session.run_target
    monkeypatch.setattr(Session, "run_target", lambda *args: (ran.append(args[-1]), run_target(*args)))
    load_saved_model(str(request.getfixturevalue(fixture))).close()

    assert targets == len(ran), ran


def test_the_description_of_the_graph_can_be_given_back(odd_tf2):
    """Signatures stay."""
    bundle = load_saved_model(str(odd_tf2))

    assert len(bundle.meta_graph_def.graph_def.node)
    bundle.forget_graph()
    assert bundle.meta_graph_def is None
    assert "__saved_model_init_op" in bundle.signature_def
    bundle.close()


def test_a_keras_model_serves(tmp_path):
    """What Keras 3 exports."""
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, kernel_initializer="ones")])
    model.export(str(tmp_path / "1"), verbose=False)
    bundle = load_saved_model(str(tmp_path / "1"))
    (alias,) = bundle.signatures["serving_default"].inputs

    assert [[3, 3]] == next(iter(run_predict(bundle, "", {alias: np.ones((1, 3), "f4")}).values())).tolist()
    bundle.close()
