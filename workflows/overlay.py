"""Which model versions an environment runs, read from and written into the text of its kustomization.yaml.

An environment is a folder of kustomize/overlays. It runs a model if `resources` lists ../../models/<model> and
`images` has an entry named models/<model>, whose newTag is the version and whose digest is the content's.
Not here: git (change.py), and what kustomize makes of the file (kustomize.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from workflows.blocktext import Edits, child, compose, plain
from workflows.errors import OverlayError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FOLDER = "kustomize/overlays"
PROMOTED_FROM = "shipway.dev/promoted-from"
MODEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
VERSION = re.compile(r"[1-9][0-9]{0,18}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Pin:
    """What runs of one model: `version` is an integer as text, `digest` is sha256:<64 hex>, "" if none is named."""

    version: str
    digest: str


def overlay_path(environment: str) -> str:
    """The path of an environment's kustomization.yaml within the repository."""
    if not MODEL.fullmatch(environment):
        raise UsageError(f"an environment is a folder of {FOLDER}, in lower case: received {environment!r}")
    return f"{FOLDER}/{environment}/kustomization.yaml"


def load(path: Path) -> str:
    """The text of an overlay, line ends as they are. Raises: OverlayError (missing, not text)."""
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise OverlayError(f"{path} cannot be read ({error.strerror}): an environment needs that file") from None
    except UnicodeDecodeError:
        raise OverlayError(f"{path} is not UTF-8 text: restore it with `git checkout -- {path}`") from None


def read_models(text: str, where: str) -> dict[str, Pin]:
    """What runs in an environment, by model, in the order of the file.

    Args:
      text: The kustomization.yaml.
      where: How an error names the file.
    Raises: OverlayError (malformed YAML, a newTag without quotes, an entry in one of the two places only).
    """
    root = _root(text, where)
    listed = {item.value.rpartition("/")[2] for item in _items(root, "resources", where) if _is_model(item)}
    pins = {name: _pin(entry, name, where) for name, entry in _entries(root, where).items()}
    odd = sorted(listed ^ set(pins))
    if odd:
        raise OverlayError(
            f"{where} names the model {odd[0]} in only one of `resources` (../../models/{odd[0]}) and `images` "
            f"(models/{odd[0]}): add the other or take it out"
        )
    return pins


def set_model(text: str, model: str, pin: Pin, where: str) -> str:
    """The text with a model at a version, added if it was not there; all other lines keep every byte.

    Raises: UsageError (a name, version or digest of the wrong form); OverlayError (see `read_models`, or written in
      a form that cannot be edited in place).
    """
    _check(model, pin)
    before = read_models(text, where)
    root = _root(text, where)
    values = {"newTag": pin.version, "digest": pin.digest}
    edits = Edits(text)
    if model in before:
        edits.set_keys(_entries(root, where)[model], values)
    else:
        edits.append(root, "resources", f"../../models/{model}")
        edits.append(root, "images", {"name": f"models/{model}"} | values)
    return _checked(edits, before | {model: pin}, model, where)


def remove_model(text: str, model: str, where: str) -> str:
    """The text without a model; all other lines keep every byte.

    Raises: OverlayError (the model is not there; see also `set_model`).
    """
    before = read_models(text, where)
    if model not in before:
        raise OverlayError(f"{where} runs no model {model}: it runs {', '.join(sorted(before)) or 'none'}")
    root = _root(text, where)
    edits = Edits(text)
    finds: dict[str, Callable[[Node], bool]] = {
        "resources": lambda item: _is_model(item) and item.value.endswith(f"/{model}"),
        "images": lambda item: _entry_model(item) == model,
    }
    for key, is_wanted in finds.items():
        sequence = child(root, key)
        assert isinstance(sequence, SequenceNode)
        if sequence.flow_style:
            raise OverlayError(f"{where} writes `{key}` in brackets: write one item a line, then try again")
        edits.remove(sequence, next(item for item in sequence.value if is_wanted(item)))
    return _checked(edits, {name: pin for name, pin in before.items() if name != model}, model, where)


def promoted_from(text: str, where: str) -> str | None:
    """The environment before this one, from the annotation shipway.dev/promoted-from of its kustomization.yaml."""
    found = plain(child(child(child(_root(text, where), "metadata"), "annotations"), PROMOTED_FROM))
    return found if isinstance(found, str) else None


def _checked(edits: Edits, expected: dict[str, Pin], model: str, where: str) -> str:
    """The edited text, if reading it again gives what was meant for this model and nothing else changed."""
    try:
        after = edits.apply()
        same = read_models(after, where) == expected and _rest(after, model) == _rest(edits.text, model)
    except (OverlayError, YAMLError):
        same = False
    if not same:
        raise OverlayError(
            f"{where} is written in a form that cannot be edited in place (an anchor, or a list in brackets over "
            f"several lines): write `resources` and `images` one item a line, then try again"
        )
    return after


def _rest(text: str, model: str) -> object:
    """Everything a text says but for one model's line and version, to compare two texts."""
    root = plain(compose(text))
    assert isinstance(root, dict)
    root["resources"] = [item for item in root.get("resources") or [] if item != f"../../models/{model}"]
    images = [item for item in root.get("images") or [] if isinstance(item, dict)]
    others = [item for item in images if item.get("name") != f"models/{model}"]
    own = [{**item, "newTag": "", "digest": ""} for item in images if item.get("name") == f"models/{model}"]
    root["images"] = [*others, *(item for item in own if set(item) != {"name", "newTag", "digest"})]
    return root


def _root(text: str, where: str) -> MappingNode:
    try:
        root = compose(text)
        plain(root)
    except MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise OverlayError(f"{where} is not YAML{line}: {error.problem or error.context}") from None
    except YAMLError as error:
        raise OverlayError(f"{where} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(root, MappingNode) or root.flow_style:
        raise OverlayError(f"{where} is not a kustomization: a mapping with `resources` and `images` was expected")
    return root


def _items(root: MappingNode, key: str, where: str) -> list[Node]:
    node = child(root, key)
    if node is None or plain(node) in (None, [], ("null", ""), ("null", "null"), ("null", "~")):
        return []
    if not isinstance(node, SequenceNode):
        raise OverlayError(f"{where} has a `{key}` that is no list: write one item a line, each after a dash")
    return list(node.value)


def _entries(root: MappingNode, where: str) -> dict[str, MappingNode]:
    """The entries of `images` that name a model of ours, by model."""
    found: dict[str, MappingNode] = {}
    for item in _items(root, "images", where):
        model = _entry_model(item)
        if model in found:
            raise OverlayError(f"{where} has two entries models/{model} in `images`: keep one")
        if model and isinstance(item, MappingNode):
            found[model] = item
    return found


def _entry_model(item: Node) -> str | None:
    name = plain(child(item, "name"))
    return name.removeprefix("models/") if isinstance(name, str) and name.startswith("models/") else None


def _is_model(item: Node) -> bool:
    value = plain(item)
    return isinstance(value, str) and value.startswith("../../models/")


def _pin(entry: MappingNode, model: str, where: str) -> Pin:
    tag, digest = plain(child(entry, "newTag")), plain(child(entry, "digest"))
    if isinstance(tag, tuple):
        raise OverlayError(f'{where} has a newTag without quotes for {model}: write newTag: "{tag[1]}"')
    if not isinstance(tag, str) or not VERSION.fullmatch(tag):
        raise OverlayError(f"{where} has no version as newTag for {model}: expected digits in quotes, received {tag!r}")
    if digest is not None and (not isinstance(digest, str) or not DIGEST.fullmatch(digest)):
        raise OverlayError(f"{where} has a malformed digest for {model}: expected sha256: and 64 hex digits")
    return Pin(tag, digest or "")


def _check(model: str, pin: Pin) -> None:
    if not MODEL.fullmatch(model):
        raise UsageError(f"a model's name is lower-case letters, digits and dashes: received {model!r}")
    if not VERSION.fullmatch(pin.version):
        raise UsageError(f"a version is digits without a leading zero: received {pin.version!r}")
    if not DIGEST.fullmatch(pin.digest):
        raise UsageError(f"a digest is sha256: and 64 hex digits: received {pin.digest!r}")
