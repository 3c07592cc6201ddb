"""The model store of a cluster, on a real registry."""

import json
import secrets
from pathlib import Path

import pytest

from tests.e2e.site import REGISTRY
from training import manifest
from workflows import registry
from workflows.errors import StoreError
from workflows.overlay import Pin
from workflows.package import package, unpack

pytestmark = pytest.mark.e2e
STORE = f"oci://{REGISTRY}"
BASE = f"{REGISTRY}/tensorflow/serving:2.20.0"
VERSION = "20261122143000"


@pytest.fixture
def model() -> str:
    """A model that the registry has not heard of."""
    return f"e2e-{secrets.token_hex(4)}"


def version(folder: Path, model: str, content: str = "weights") -> Path:
    """A version's folder, whole."""
    (folder / "variables").mkdir(parents=True)
    (folder / "variables" / "data").write_text(content)
    (folder / "assets.extra").mkdir()
    manifest.write(folder, {"model": model, "version": VERSION})
    return folder


def test_a_version_goes_in_and_comes_out_whole(model, tmp_path):
    """What comes out under the digest is what went in; said again, nothing changes."""
    folder = version(tmp_path / "in", model)
    packaged = package(folder, STORE, model, VERSION, serving_image=BASE)

    unpack(STORE, model, Pin(VERSION, packaged["digest"]), tmp_path / "out")

    assert f"{REGISTRY}/models/{model}:{VERSION}@{packaged['digest']}" == packaged["reference"]
    assert manifest.read(folder) == manifest.read(tmp_path / "out")
    assert packaged == package(folder, STORE, model, VERSION, serving_image=BASE)


def test_it_is_one_layer_upon_the_server(model, tmp_path):
    """A node that has the server's image pulls the model and nothing else."""
    packaged = package(version(tmp_path / "in", model), STORE, model, VERSION, serving_image=BASE)

    own, base = (
        [layer["digest"] for layer in json.loads(registry.crane("manifest", image))["layers"]]
        for image in (packaged["reference"].replace(f":{VERSION}@", "@"), BASE)
    )

    assert base == own[:-1]


def test_other_content_under_a_version_is_refused(model, tmp_path):
    """A tag never moves."""
    packaged = package(version(tmp_path / "one", model), STORE, model, VERSION, serving_image=BASE)

    with pytest.raises(StoreError, match=f"the registry has other content as {model} {VERSION}"):
        package(version(tmp_path / "two", model, "other"), STORE, model, VERSION, serving_image=BASE)

    assert packaged["digest"] == registry.digest_of(f"{REGISTRY}/models/{model}:{VERSION}")


@pytest.mark.parametrize("what", ["altered", "of another model"])
def test_a_version_that_is_not_whole_is_not_pushed(model, tmp_path, what):
    """The registry is not even asked."""
    folder = version(tmp_path / "in", model if what == "altered" else "digits")
    if what == "altered":
        (folder / "variables" / "data").write_text("changed")

    with pytest.raises(StoreError, match=r"was altered|holds digits"):
        package(folder, STORE, model, VERSION, serving_image=BASE)

    assert registry.digest_of(f"{REGISTRY}/models/{model}:{VERSION}") is None


def test_a_version_that_is_not_there_is_told(model, tmp_path):
    """In one sentence, without waiting for a registry that has answered."""
    with pytest.raises(StoreError, match="crane manifest failed"):
        unpack(STORE, model, Pin(VERSION, "sha256:" + "a" * 64), tmp_path / "out")


def test_a_registry_that_is_away_is_waited_for_and_then_told(model, tmp_path, monkeypatch):
    """What a step says when nobody brought it back."""
    monkeypatch.setattr(registry, "PATIENCE_S", 2)

    with pytest.raises(StoreError, match="crane digest failed"):
        package(version(tmp_path / "in", model), "oci://127.0.0.1:9", model, VERSION, serving_image=BASE)
