"""ModelConfig: a model to serve, where its versions are and which of them; from flags or from models.config."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.errors import FailedPrecondition, InvalidArgument, NotFound
from serving.sources.version_policy import All, Latest, Specific, VersionPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class ModelConfig:
    """One model: `base_path` holds a folder per version."""

    name: str
    base_path: str
    policy: VersionPolicy = field(default_factory=Latest)


def check_models(models: Sequence[ModelConfig]) -> None:
    """Refuses what cannot be served. Raises InvalidArgument.

    Source: TF Serving model_servers/server_core.cc at 2.20.0, same order.
    """
    for name, times in Counter(model.name for model in models).items():
        if times > 1:
            raise InvalidArgument(f"Illegal to list model {name} multiple times in config list")
    for model in models:
        if not Path(model.base_path).is_absolute() and "://" not in model.base_path:
            raise InvalidArgument(
                f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}"
            )


def read_models_config(path: str) -> tuple[ModelConfig, ...]:
    """The models of a ModelServerConfig file in protobuf's text format.

    Raises: NotFound; InvalidArgument (not such a file); FailedPrecondition (version labels, which need an available
      version that a first config cannot have).
    """
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    try:
        config = text_format.Parse(Path(path).read_text("utf-8"), model_server_config_pb2.ModelServerConfig())
    except OSError as error:
        raise NotFound(f"{path}; {error.strerror}") from None
    except (text_format.ParseError, UnicodeDecodeError) as error:
        # The C++ parser itself writes this line, and the status does not carry it.
        print(f"Error parsing text-format tensorflow.serving.ModelServerConfig: {error}", file=sys.stderr)  # noqa: T201
        raise InvalidArgument(f"Invalid protobuf file: '{path}'") from None
    return tuple(_model(item) for item in config.model_config_list.config)


def _model(item: Any) -> ModelConfig:
    platform = "tensorflow" if item.model_type == 1 else item.model_platform
    if item.model_type and item.model_platform:
        both = "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform"
        raise InvalidArgument(f"{both}, model name is {item.name}")
    if not platform:
        neither = (
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform"
        )
        raise InvalidArgument(f"{neither}, model name is {item.name}")
    if platform != "tensorflow":
        raise InvalidArgument(f"Model {item.name} requests unsupported platform {platform}")
    for version in item.version_labels.values():
        raise FailedPrecondition(
            f"Request to assign label to version {version} of model {item.name}, "
            "which is not currently available for inference"
        )
    return ModelConfig(item.name, item.base_path, _policy(item.model_version_policy))


def _policy(policy: Any) -> VersionPolicy:
    kind = policy.WhichOneof("policy_choice")
    if kind == "all":
        return All()
    if kind == "specific":
        return Specific(frozenset(policy.specific.versions))
    return Latest(policy.latest.num_versions or 1)
