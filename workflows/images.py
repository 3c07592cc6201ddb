"""build: the images that a cluster runs, by whichever builder this machine has.

`training` is what the steps run in, `serving` stands in the place of tensorflow/serving. Each comes with its bill of
materials, which its build made of what is installed in it. Not here: what is in them (training/Dockerfile and
serving/Dockerfile) and in the bill (sbom.py).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from workflows.errors import RepositoryError, ShipwayError, UsageError
from workflows.repository import git

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

IMAGES = ("training", "serving")
ACCELERATORS = ("cpu", "gpu")
# docker comes last: its client is also there where nothing answers it.
BUILDERS = ("buildah", "podman", "docker")
CONTEXT = ("workflows", "training", "serving")
FOLDER = ".shipway/images"
SCP = re.compile(r"[^/]+@[^/]+:")  # git@host:path
BILL = "sbom.cdx.json"  # as the Dockerfiles call it
DOCKER_TAKES_ITS_OWN = (
    "docker pushes by plain HTTP to what its daemon's insecure-registries names: put {0} there instead"
)


@dataclass(frozen=True)
class Order:
    """What to build.

    Attributes:
      builder: One of BUILDERS.
      registry: What stands before an image's name; None for images that stay on this machine.
      accelerator: What the steps' TensorFlow is made for; images for another than the CPU say so in their tag.
      arguments: Of the build, e.g. `BASE=...`.
      labels: By name.
      plain_http: Whether the registry speaks no TLS.
    """

    builder: str
    tag: str
    registry: str | None = None
    accelerator: str = "cpu"
    arguments: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    plain_http: bool = False

    def reference(self, image: str) -> str:
        """The name of an image, e.g. `registry.local/shipway/training:0.1.0-gpu`."""
        suffix = f"-{self.accelerator}" if image == "training" and self.accelerator != "cpu" else ""
        name = f"shipway/{image}:{self.tag}{suffix}"
        return f"{self.registry}/{name}" if self.registry else name


def find_builder() -> str:
    """The first of BUILDERS that is on PATH. Raises: UsageError."""
    if found := next(filter(shutil.which, BUILDERS), None):
        return found
    raise UsageError(f"there is no {', '.join(BUILDERS[:-1])} or {BUILDERS[-1]} on PATH: install one of them")


def labels(root: Path, tag: str) -> dict[str, str]:
    """Where an image comes from, in the names of the OCI's annotations. Raises: RepositoryError."""
    revision = git("rev-parse", "HEAD", cwd=root).decode().strip()
    changed = git("status", "--porcelain", "--", *CONTEXT, cwd=root)
    found = {"version": tag, "revision": f"{revision}-dirty" if changed else revision, "source": _source(root)}
    return {f"org.opencontainers.image.{name}": value for name, value in found.items() if value}


def require_pushable(order: Order) -> None:
    """Raises: UsageError (no registry; docker, which is not told by option that a registry speaks plain HTTP)."""
    if order.registry is None:
        raise UsageError("an image that is to be pushed needs a registry: name one with --registry")
    if order.plain_http and order.builder == "docker":
        raise UsageError(DOCKER_TAKES_ITS_OWN.format(order.registry))


def build(image: str, order: Order, root: Path) -> Path:
    """Builds one image and gives its bill of materials, below FOLDER. Raises: ShipwayError (the builder failed)."""
    folder = root / FOLDER / order.reference(image).rpartition("/")[2].replace(":", "-")
    folder.mkdir(parents=True, exist_ok=True)
    _run(build_command(image, order), root)
    _run(bill_command(image, order, folder), root)
    return folder / BILL


def push(image: str, order: Order, root: Path) -> None:
    """Pushes one image. Raises: ShipwayError (the builder failed)."""
    _run(push_command(image, order), root)


def build_command(image: str, order: Order) -> tuple[str, ...]:
    """What makes an image. Its layers' times are those of the epoch: what does not change is the same layer again."""
    named = (f"--label={name}={value}" for name, value in order.labels.items())
    return (*_build(image, order), f"--tag={order.reference(image)}", *named, ".")


def bill_command(image: str, order: Order, folder: Path) -> tuple[str, ...]:
    """What copies the bill out of the build, which has just been made, into a folder."""
    return (*_build(image, order), "--target=sbom", f"--output=type=local,dest={folder}", ".")


def push_command(image: str, order: Order) -> tuple[str, ...]:
    """What pushes an image."""
    plain = ("--tls-verify=false",) if order.plain_http else ()
    return (order.builder, "push", *plain, order.reference(image))


def _build(image: str, order: Order) -> tuple[str, ...]:
    # Of the two that do not keep layers or take the time from the environment.
    own = {"buildah": ("--layers", "--timestamp=0"), "podman": ("--timestamp=0",)}
    arguments = (f"ACCELERATOR={order.accelerator}",) if image == "training" else ()
    given = (f"--build-arg={argument}" for argument in (*arguments, *order.arguments))
    return (order.builder, "build", *own.get(order.builder, ()), f"--file={image}/Dockerfile", *given)


def _run(command: tuple[str, ...], root: Path) -> None:
    # Docker's builder takes the time from here; the others were told above.
    outcome = subprocess.run(command, cwd=root, check=False, env={**os.environ, "SOURCE_DATE_EPOCH": "0"})
    if outcome.returncode:
        raise ShipwayError(
            f"{' '.join(command[:2])} failed with exit code {outcome.returncode}: its last lines say why"
        )


def _source(root: Path) -> str | None:
    """Where the clone came from, without a name and password; None where that says nothing to others."""
    try:
        url = git("remote", "get-url", "origin", cwd=root).decode().strip()
    except RepositoryError:
        return None
    parts = urlsplit(url)
    if parts.scheme in {"", "file"}:
        return url if SCP.match(url) else None
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
