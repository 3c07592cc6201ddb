"""A version's layer: the same bytes whoever packs it, and nothing but its own files come out again."""

import io
import os
import tarfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows import registry
from workflows.errors import StoreError

NAMES = st.text("abc.-_é ", min_size=1, max_size=6).filter(
    lambda name: name.strip(". ") == name and name not in {".", ".."}
)
FILES = st.dictionaries(st.tuples(NAMES, NAMES).map("/".join), st.binary(max_size=40), min_size=1, max_size=5)


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """A folder with these files, which are of whoever makes them and of now."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def read(folder: Path) -> dict[str, bytes]:
    """The files of a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@given(files=FILES)
def test_what_is_packed_comes_out_again_and_has_one_form(files, tmp_path_factory):
    """Times, owners and the order of the directory leave no trace, so a retry makes the same digest."""
    folder = tmp_path_factory.mktemp("layer")
    one, two = write(folder / "one", files), write(folder / "two", dict(reversed(files.items())))
    os.utime(two, (1, 1))
    for source in (one, two):
        registry.write_layer(source, "digits", "7", folder / f"{source.name}.tar.gz")
    registry._extract(folder / "one.tar.gz", PurePosixPath("models/digits/7"), folder / "out")

    assert (folder / "one.tar.gz").read_bytes() == (folder / "two.tar.gz").read_bytes()
    assert files == read(folder / "out")


def test_everybody_may_read_what_is_packed(tmp_path):
    """The server runs as another user than the step did."""
    registry.write_layer(write(tmp_path / "in", {"a/b": b"x"}), "digits", "7", tmp_path / "layer.tar.gz")
    with tarfile.open(tmp_path / "layer.tar.gz") as tar:
        found = {entry.name: (entry.mode, entry.uid, entry.mtime) for entry in tar}

    folders = dict.fromkeys(["models", "models/digits", "models/digits/7", "models/digits/7/a"], (0o755, 0, 0))
    assert folders | {"models/digits/7/a/b": (0o644, 0, 0)} == found


def test_a_layer_writes_nowhere_else(tmp_path):
    """Links, devices, other folders and ways out stay in the layer."""
    with tarfile.open(tmp_path / "layer.tar.gz", "w:gz") as tar:
        for name in ("models/digits/7/ok", "models/digits/7/../../../out", "/models/digits/8/other", "etc/passwd"):
            entry = tarfile.TarInfo(name)
            entry.size = 1
            tar.addfile(entry, io.BytesIO(b"x"))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE):
            entry = tarfile.TarInfo(f"models/digits/7/link{kind.decode()}")
            entry.type, entry.linkname = kind, "/etc/passwd"
            tar.addfile(entry)

    registry._extract(tmp_path / "layer.tar.gz", PurePosixPath("models/digits/7"), tmp_path / "in" / "out")

    assert {"out/ok": b"x"} == read(tmp_path / "in")
    assert {"layer.tar.gz", "in"} == {path.name for path in tmp_path.iterdir()}


def test_without_crane_the_sentence_says_so(tmp_path, monkeypatch):
    """In one sentence, and at once."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(StoreError, match="crane is not on PATH: install it"):
        registry.digest_of("registry.mine.test/models/digits:7")
