"""ModelServerConfig and ModelConfig: what to serve, where its versions are and which of them; from flags or a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from serving.sources.version_policy import All, Latest, Specific, VersionPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

TENSORFLOW = "tensorflow"


@dataclass(frozen=True)
class ModelConfig:
    """One model: `base_path` holds a folder per version."""

    name: str
    base_path: str
    policy: VersionPolicy = field(default_factory=Latest)
    platform: str = TENSORFLOW
    version_labels: Mapping[str, int] = field(default_factory=dict)
    # The deprecated other way to say the platform: 0 unset, 1 TensorFlow, 2 other.
    model_type: int = 0
    # Whether it asks for requests to be logged, which no server without a logger of its own can do.
    has_logging_config: bool = False


@dataclass(frozen=True)
class ModelServerConfig:
    """A list of models, or None in `models`: no list; then `is_custom` tells an empty config from a custom one."""

    models: tuple[ModelConfig, ...] | None = None
    is_custom: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing at all."""
        return self.models is None and not self.is_custom


def model_server_config(message: Any) -> ModelServerConfig:
    """What a tensorflow.serving.ModelServerConfig message says. Checks nothing; ServerCore.reload_config does."""
    kind = message.WhichOneof("config")
    if kind != "model_config_list":
        return ModelServerConfig(is_custom=kind == "custom_model_config")
    return ModelServerConfig(tuple(_model(item) for item in message.model_config_list.config))


def _model(item: Any) -> ModelConfig:
    return ModelConfig(
        name=item.name,
        base_path=item.base_path,
        policy=_policy(item.model_version_policy),
        platform=item.model_platform,
        version_labels=dict(item.version_labels),
        model_type=item.model_type,
        has_logging_config=item.HasField("logging_config"),
    )


def _policy(policy: Any) -> VersionPolicy:
    kind = policy.WhichOneof("policy_choice")
    if kind == "all":
        return All()
    if kind == "specific":
        return Specific(frozenset(policy.specific.versions))
    return Latest(policy.latest.num_versions or 1)
