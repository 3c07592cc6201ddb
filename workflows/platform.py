"""Where a step runs: image, pools, retries, security. The one place for every pod setting.

Pools are node labels: `pool=cpu`, `pool=gpu` (with the usual taint `nvidia.com/gpu`) and, for what may be taken away,
`capacity=spot`. On one machine all of this is ignored; on a cluster Argo applies it.
"""

from __future__ import annotations

import json
from typing import Any

from hera.workflows import EmptyDirVolume, Env, Resources, RetryStrategy, SecretEnv, SecretVolume
from hera.workflows.models import (
    Backoff,
    Capabilities,
    IntOrString,
    KeyToPath,
    PodSecurityContext,
    Quantity,
    SeccompProfile,
    SecurityContext,
    Toleration,
)

NAMESPACE = "training"
SERVICE_ACCOUNT = "training-workflow"
IMAGE = "{{workflow.parameters.image}}"
DEFAULT_IMAGE = "shipway/training:0.1.0"
SERVING_IMAGE = "tensorflow/serving:2.20.0"

POD_SECURITY = PodSecurityContext(
    run_as_non_root=True,
    run_as_user=10001,
    run_as_group=10001,
    fs_group=10001,
    seccomp_profile=SeccompProfile(type="RuntimeDefault"),
)
CONTAINER_SECURITY = SecurityContext(
    allow_privilege_escalation=False,
    read_only_root_filesystem=True,
    capabilities=Capabilities(drop=["ALL"]),
)


# Secrets that a step's pod mounts where they are there; a public repository and an open registry need none. Keys are
# those of Argo CD's repository Secrets, of `kubectl create secret docker-registry` and of `cosign generate-key-pair`.
def _mounted(secret: str, name: str, items: list[KeyToPath] | None = None) -> SecretVolume:
    return SecretVolume(secret_name=secret, name=name, items=items, mount_path=f"/etc/shipway/{name}", optional=True)


SECRETS = {
    "repository": _mounted("repository", "git"),
    "deploy-key": _mounted("deploy-key", "git"),
    "registry": _mounted("registry", "registry", [KeyToPath(key=".dockerconfigjson", path="config.json")]),
    "cosign": _mounted("cosign", "cosign"),
}
SECRETS_ENV = {
    "registry": Env(name="DOCKER_CONFIG", value="/etc/shipway/registry"),
    "cosign": SecretEnv(name="COSIGN_PASSWORD", secret_name="cosign", secret_key="cosign.password", optional=True),  # noqa: S106 - names
}

# Nodes with the label capacity=spot are cheaper and may be taken away. A step that was, twice, waits for another kind.
CAPACITY, SPOT = "capacity", "spot"
LOSSES = 2
# A pool of its own asks for a GPU; anything else gets none, and `0` is a quantity that every node can give.
_GPUS = "{{=inputs.parameters.pool == 'gpu' ? '1' : '0'}}"
_REFUSED = f"{{{{=sprig.int(retries) < {LOSSES} ? 'none' : '{SPOT}'}}}}"
_PATCH = {
    "containers": [{"name": "main", "resources": {"limits": {"nvidia.com/gpu": _GPUS}}}],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": CAPACITY, "operator": "NotIn", "values": [_REFUSED]}]},
                ]
            },
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 100,
                    "preference": {"matchExpressions": [{"key": CAPACITY, "operator": "In", "values": [SPOT]}]},
                },
            ],
        }
    },
}


def retry(limit: int) -> RetryStrategy:
    """Retries what the platform broke (eviction, node loss, a pull that failed), never a step that failed by itself."""
    return RetryStrategy(
        limit=limit,
        retry_policy="OnError",
        backoff=Backoff(duration="5s", factor=IntOrString(root=2), max_duration="10m"),
    )


def _pod(*, cpu: int, memory: str, retries: int, timeout: str) -> dict[str, Any]:
    return {
        "image": IMAGE,
        "image_pull_policy": "IfNotPresent",
        "resources": Resources(cpu_request=cpu, memory_request=memory, memory_limit=memory),
        "security_context": CONTAINER_SECURITY,
        "volumes": [EmptyDirVolume(name="scratch", mount_path="/tmp")],  # noqa: S108 - the pod's own, root is read-only
        "env": [Env(name="PYTHONUNBUFFERED", value="1"), Env(name="TF_CPP_MIN_LOG_LEVEL", value="2")],
        "retry_strategy": retry(retries),
        "timeout": timeout,
    }


def cpu_pool(
    *, cpu: int = 1, memory: str = "2Gi", timeout: str = "1h", secrets: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Arguments of a Hera `Container` that place a step on the CPU pool; `secrets` are names of SECRETS."""
    pod = _pod(cpu=cpu, memory=memory, retries=3, timeout=timeout)
    return {
        **pod,
        "node_selector": {"pool": "cpu"},
        "volumes": [*pod["volumes"], *(SECRETS[name] for name in secrets)],
        "env": [*pod["env"], *(SECRETS_ENV[name] for name in secrets if name in SECRETS_ENV)],
    }


def gpu_pool(*, cpu: int = 2, memory: str = "8Gi", timeout: str = "12h") -> dict[str, Any]:
    """Arguments of a Hera `Container` that place a step on the pool its parameter `pool` names: one GPU, or CPU."""
    pod = _pod(cpu=cpu, memory=memory, retries=2 * LOSSES, timeout=timeout)
    shared_memory = EmptyDirVolume(name="shm", medium="Memory", size_limit=Quantity(root="2Gi"), mount_path="/dev/shm")  # noqa: S108 - tf.data's workers
    return {
        **pod,
        "volumes": [*pod["volumes"], shared_memory],
        "node_selector": {"pool": "{{inputs.parameters.pool}}"},
        "tolerations": [
            Toleration(key=key, operator="Exists", effect="NoSchedule") for key in ("nvidia.com/gpu", CAPACITY)
        ],
        "pod_spec_patch": json.dumps(_PATCH),
    }
