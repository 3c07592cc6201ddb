import pytest

from serving.config.model_config import ModelConfig, check_models, read_models_config
from serving.errors import ServingError
from serving.sources.version_policy import All, Latest, Specific

MODEL = 'model_config_list { config { name: "m" base_path: "/m" %s } }'
PLATFORM = 'model_platform: "tensorflow"'


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("", Latest(1)),
        ("model_version_policy { latest { num_versions: 2 } }", Latest(2)),
        ("model_version_policy { latest { } }", Latest(1)),
        ("model_version_policy { all { } }", All()),
        (
            "model_version_policy { specific { versions: 1 versions: 20261122143000 } }",
            Specific(frozenset({1, 20261122143000})),
        ),
    ],
)
def test_a_config(tmp_path, policy, expected):
    """A model with each version policy."""
    path = tmp_path / "models.config"
    path.write_text(MODEL % f"{PLATFORM} {policy}")

    assert (ModelConfig("m", "/m", expected),) == read_models_config(str(path))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("nonsense", "INVALID_ARGUMENT: Invalid protobuf file: '{path}'"),
        (MODEL % 'model_platform: "other"', "INVALID_ARGUMENT: Model m requests unsupported platform other"),
        (
            MODEL % "",
            (
                "INVALID_ARGUMENT: Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
                "ModelServerConfig::model_platform, model name is m"
            ),
        ),
        (
            MODEL % f"{PLATFORM} model_type: TENSORFLOW",
            (
                "INVALID_ARGUMENT: Illegal setting both "
                "ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform, model name is m"
            ),
        ),
        (
            MODEL % f'{PLATFORM} version_labels {{ key: "a" value: 1 }}',
            (
                "FAILED_PRECONDITION: Request to assign label to "
                "version 1 of model m, which is not currently available for inference"
            ),
        ),
    ],
)
def test_a_config_that_cannot_be_used(tmp_path, text, error):
    """Refused before anything is loaded, in upstream's words."""
    path = tmp_path / "models.config"
    path.write_text(text)
    with pytest.raises(ServingError) as refused:
        read_models_config(str(path))

    assert error.format(path=path) == refused.value.status()


def test_a_config_file_that_is_not_there(tmp_path):
    """NOT_FOUND, with the system's reason."""
    with pytest.raises(ServingError) as refused:
        read_models_config(str(tmp_path / "none"))

    assert f"NOT_FOUND: {tmp_path / 'none'}; No such file or directory" == refused.value.status()


def test_a_model_may_be_listed_once():
    """Two entries of one name are refused."""
    with pytest.raises(ServingError, match="Illegal to list model m multiple times in config list"):
        check_models([ModelConfig("m", "/a"), ModelConfig("m", "/b")])
