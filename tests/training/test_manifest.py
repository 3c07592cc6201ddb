"""The model digest is what anyone can compute with sha256sum."""

import subprocess

import pytest

from training import manifest
from training.errors import ArtifactError


@pytest.fixture
def version(tmp_path):
    """A directory with three files and a trace id."""
    for name in ("saved_model.pb", "variables/variables.index", "assets.extra/a b", manifest.TRACE_ID):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    manifest.write(tmp_path, {"model": "digits", "version": "1"})
    return tmp_path


def test_the_digest_is_that_of_sha256sum_without_the_trace_id(version):
    """Sorted by path, in the form that sha256sum prints."""
    script = (
        f"find . -type f ! -path ./{manifest.MANIFEST} ! -path ./{manifest.TRACE_ID} -printf '%P\\0' "
        "| LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"
    )
    printed = subprocess.run(["bash", "-c", script], cwd=version, text=True, capture_output=True, check=True).stdout

    assert "sha256:" + printed.split()[0] == manifest.read(version)["digest"]


def test_the_manifest_lists_every_file_but_itself(version):
    """The trace id too: it must not change either."""
    files = {path.relative_to(version).as_posix() for path in version.rglob("*") if path.is_file()}

    assert files - {manifest.MANIFEST} == set(manifest.read(version)["files"])


def test_the_trace_id_does_not_change_the_digest_and_a_byte_elsewhere_does(version):
    """Content decides, the run does not."""
    before = manifest.model_digest(manifest.file_digests(version))
    (version / manifest.TRACE_ID).write_text("another run")
    same = manifest.model_digest(manifest.file_digests(version))
    (version / "saved_model.pb").write_text("saved_model.pc")

    assert before == same
    assert before != manifest.model_digest(manifest.file_digests(version))


@pytest.mark.parametrize(
    ("content", "message"), [(None, "is no model version"), ("{", "cannot be read"), ("{}", "has no digest, files")]
)
def test_an_unusable_manifest_is_refused(tmp_path, content, message):
    """One sentence."""
    if content is not None:
        (tmp_path / "assets.extra").mkdir()
        (tmp_path / manifest.MANIFEST).write_text(content)

    with pytest.raises(ArtifactError, match=message):
        manifest.read(tmp_path)
