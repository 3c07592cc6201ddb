import pytest
from tensorflow.core.protobuf import config_pb2

from serving.errors import ServingError
from serving.servables import session_config


@pytest.mark.parametrize(
    ("numbers", "intra", "inter"),
    [((0, 0, 0), 0, 0), ((3, 0, 0), 3, 3), ((0, 2, 0), 2, 0), ((0, 0, 2), 0, 2), ((5, 2, 0), 2, 0), ((0, 1, 2), 1, 2)],
)
def test_threads_of_a_session(numbers, intra, inter):
    """One flag for both pools, or one for each, as upstream weighs them."""
    config = config_pb2.ConfigProto.FromString(session_config.session_config(*numbers))

    assert (intra, inter) == (config.intra_op_parallelism_threads, config.inter_op_parallelism_threads)
    assert config.use_per_session_threads


def test_the_default_is_what_no_flag_gives():
    """It is written out, so that no proto is imported for it."""
    assert session_config.DEFAULT == session_config.session_config()


def test_all_three_flags_are_refused():
    """In upstream's words."""
    with pytest.raises(ServingError, match="You cannot configure all") as failed:
        session_config.session_config(1, 1, 1)

    assert failed.value.status().startswith("INVALID_ARGUMENT: Either configure server_options.tensorflow_session_par")


def test_a_file_goes_below_the_flags(tmp_path):
    """Its other fields stay; a broken and a missing one are refused."""
    file = tmp_path / "config.pbtxt"
    file.write_text("intra_op_parallelism_threads: 7 inter_op_parallelism_threads: 7 allow_soft_placement: true")
    config = config_pb2.ConfigProto.FromString(session_config.session_config(0, 2, 0, str(file)))

    assert (2, 7) == (config.intra_op_parallelism_threads, config.inter_op_parallelism_threads)
    assert config.allow_soft_placement
    file.write_text("no_such_field: 1")
    with pytest.raises(ServingError, match=f"Invalid protobuf file: '{file}'"):
        session_config.session_config(config_file=str(file))
    with pytest.raises(ServingError, match="/nowhere; No such file or directory"):
        session_config.session_config(config_file="/nowhere")


def test_a_small_models_operations_are_not_shared_among_threads(monkeypatch, tmp_path):
    """Where each session has a pool of its own; else one model would decide for all."""
    (tmp_path / "variables").mkdir()
    weights = tmp_path / "variables" / "data"
    weights.write_bytes(bytes(1000))
    small = config_pb2.ConfigProto.FromString(session_config.SMALL)
    monkeypatch.setenv(session_config.OWN_POOLS, "1")

    assert (1, True) == (small.intra_op_parallelism_threads, small.use_per_session_threads)
    assert session_config.SMALL == session_config.config_for(str(tmp_path))
    weights.write_bytes(bytes(session_config.SMALL_BYTES + 1))
    assert session_config.DEFAULT == session_config.config_for(str(tmp_path))
    weights.write_bytes(b"")
    monkeypatch.delenv(session_config.OWN_POOLS)
    assert session_config.DEFAULT == session_config.config_for(str(tmp_path))
