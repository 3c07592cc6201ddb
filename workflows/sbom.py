"""bill: the bill of materials of an image, from what is really installed in it, as CycloneDX JSON.

Runs inside the build of an image, in an environment of its own that the image does not keep (training/Dockerfile):

    python -m workflows.sbom shipway/training --environment=/opt/venv --copied=<image> >sbom.cdx.json

CycloneDX's own tool reads the Python environment; added here are Debian's packages and the images copied from. The same
image gives the same bytes: there is no time and no random number in them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

DPKG = ("dpkg-query", "--show", "--showformat=${Package}\t${Version}\t${Architecture}\n")


def bill(name: str, environment: Path, debian: str, copied: Sequence[str]) -> str:
    """The document.

    Args:
      name: Of the image that it describes.
      environment: A virtual environment.
      debian: Lines of package, version and architecture, with tabs between them.
      copied: Images that files were copied from, or that it is based on.
    Raises: ValueError (not what CycloneDX 1.6 allows).
    """
    bom = Bom.from_json(json.loads(_python_packages(environment)))  # type: ignore[attr-defined]  # made by a decorator
    bom.components.update([*_debian_packages(debian), *_images(copied)])
    bom.metadata.component = Component(name=name, type=ComponentType.CONTAINER, bom_ref=name)
    bom.register_dependency(bom.metadata.component, bom.components)
    text = json.dumps(_constant(json.loads(JsonV1Dot6(bom).output_as_string())), indent=1, sort_keys=True) + "\n"
    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"the bill of {name} is no CycloneDX 1.6: {wrong}")
    return text


def main(arguments: Sequence[str]) -> None:
    """Prints the bill of the system that this runs in."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--environment", type=Path, required=True)
    parser.add_argument("--copied", action="append", default=[])
    chosen = parser.parse_args(arguments)
    debian = subprocess.run(DPKG, check=True, capture_output=True, text=True).stdout
    sys.stdout.write(bill(chosen.name, chosen.environment, debian, chosen.copied))


def _python_packages(environment: Path) -> bytes:
    # What it warns of, that the document has no root, is mended above.
    tool = ("-W", "ignore", "-m", "cyclonedx_py", "environment", "--output-reproducible", str(environment))
    return subprocess.run([sys.executable, *tool], check=True, stdout=subprocess.PIPE).stdout


def _debian_packages(lines: str) -> Iterator[Component]:
    for line in lines.splitlines():
        name, version, architecture = line.split("\t")
        url = PackageURL("deb", "debian", name, version, {"arch": architecture})
        yield Component(name=name, version=version, purl=url, bom_ref=url.to_string())


def _images(references: Iterable[str]) -> Iterator[Component]:
    for reference in dict.fromkeys(references):  # one may be both of two
        name, _, version = reference.rpartition("@" if "@" in reference else ":")
        yield Component(name=name, version=version, type=ComponentType.CONTAINER, bom_ref=reference)


def _constant(document: dict[str, Any]) -> dict[str, Any]:
    """Without what differs from one making to the next."""
    del document["serialNumber"], document["metadata"]["timestamp"]
    return document


if __name__ == "__main__":
    main(sys.argv[1:])
