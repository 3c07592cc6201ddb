"""Which configurations are refused, in upstream's order and words. Pure."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from serving.config.model_config import TENSORFLOW, ModelConfig, ModelServerConfig
from serving.errors import FailedPrecondition, InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

Labels = dict[str, dict[str, int]]
_URI = re.compile(r"[a-zA-Z][0-9a-zA-Z.]*://")
_NOT_BOTH = "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform"
_NOT_NEITHER = (
    "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform"
)


def check_transition(old: ModelServerConfig, new: ModelServerConfig) -> None:
    """Refuses a change to or from a custom config. Raises FailedPrecondition.

    Source: TF Serving model_servers/server_core.cc (ReloadConfig) at 2.20.0.
    """
    if not old.is_empty and (old.models is None or new.models is None):
        raise FailedPrecondition(
            "Cannot transition to requested config. It is only legal to transition from one ModelConfigList to another."
        )


def check_models(models: Sequence[ModelConfig]) -> None:
    """Refuses a list with a model twice or a relative path. Raises InvalidArgument.

    Source: TF Serving model_servers/server_core.cc (ValidateModelConfigList) at 2.20.0.
    """
    for name, times in Counter(model.name for model in models).items():
        if times > 1:
            raise InvalidArgument(f"Illegal to list model {name} multiple times in config list")
    for model in models:
        if not model.base_path.startswith("/") and not _URI.match(model.base_path):
            raise InvalidArgument(
                f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}"
            )


def check_platforms_stay(old: Sequence[ModelConfig], new: Sequence[ModelConfig]) -> None:
    """Refuses another platform for a model that is there. Raises InvalidArgument.

    Source: TF Serving model_servers/server_core.cc (ValidateNoModelsChangePlatforms) at 2.20.0.
    """
    before = {model.name: platform_of(model) for model in old}
    for model in new:
        if model.name in before and platform_of(model) != before[model.name]:
            raise InvalidArgument(
                f"Illegal to change a model's platform. For model {model.name} platform was {before[model.name]} "
                f"and new platform requested is {platform_of(model)}"
            )


def platform_of(model: ModelConfig) -> str:
    """The platform that a model names, one way or the other. Raises InvalidArgument if it names none or both."""
    if model.model_type and model.platform:
        raise InvalidArgument(f"{_NOT_BOTH}, model name is {model.name}")
    if model.model_type > 1:
        raise InvalidArgument(f"ModelServerConfig::model_type choice {model.model_type} not supported.")
    platform = TENSORFLOW if model.model_type else model.platform
    if not platform:
        raise InvalidArgument(f"{_NOT_NEITHER}, model name is {model.name}")
    return platform


def check_labels(
    models: Sequence[ModelConfig],
    is_available: Callable[[str, int], bool],
    in_use: Mapping[str, Mapping[str, int]],
    *,
    allow_unavailable: bool,
) -> Labels:
    """The map from model and label to version that a config asks for.

    Args:
      models: All models of the config.
      is_available: Whether a version of a model answers now.
      in_use: The map as it is.
      allow_unavailable: Let an unused label stand for a version that is not there yet. A used one never moves to one.
    Raises: FailedPrecondition.
    Source: TF Serving model_servers/server_core.cc (UpdateModelVersionLabelMap) at 2.20.0.
    """
    for model in models:
        for label, version in sorted(model.version_labels.items()):
            unused = in_use.get(model.name, {}).get(label, version) == version
            if not (allow_unavailable and unused) and not is_available(model.name, version):
                raise FailedPrecondition(
                    f"Request to assign label to version {version} of model {model.name}, "
                    "which is not currently available for inference"
                )
    return {model.name: dict(model.version_labels) for model in models if model.version_labels}


def check_routes(models: Sequence[ModelConfig], platforms: Collection[str]) -> dict[str, str]:
    """From name to platform. Raises InvalidArgument for a platform that the server does not have.

    Source: TF Serving model_servers/server_core.cc (CreateStoragePathRoutes) at 2.20.0.
    """
    for model in models:
        if platform_of(model) not in platforms:
            raise InvalidArgument(f"Model {model.name} requests unsupported platform {platform_of(model)}")
    return {model.name: platform_of(model) for model in models}


def check_logging(models: Sequence[ModelConfig]) -> None:
    """Refuses a config that asks for request logs: this server, like upstream's, has no logger. Raises InvalidArgument.

    Source: TF Serving core/server_request_logger.cc at 2.20.0.
    """
    if any(model.has_logging_config for model in models):
        raise InvalidArgument("No request-logger-creator provided.")
