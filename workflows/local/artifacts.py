"""Files that one step hands on to another: kept once, read-only, and placed where the next step looks for them.

A kept file and the file in a step's folder are two names of one file (a hard link), so handing on costs no copy. The
kept file is read-only, so a step cannot change what another one made. That holds for an ordinary user; root is not
stopped by permissions, so for root every step gets a copy. A file that had other names before is copied too, since
making it read-only would be felt there.
"""

import contextlib
import os
import shutil
import stat
from pathlib import Path, PurePosixPath

from workflows.local.faults import Fault

READ_ONLY = ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)


def keep(source: Path, kept: Path) -> None:
    """Keeps an output, a file or a folder, at `kept`, read-only."""
    _transfer(Path(os.path.realpath(source)) if source.is_symlink() else source, kept, keeping=True)


def place(kept: Path, target: Path, sub_path: str | None = None) -> None:
    """Gives a step its own view of what is kept, at `target`. Raises: Fault where `sub_path` is not there."""
    source = kept / PurePosixPath(sub_path) if sub_path else kept
    if sub_path and (".." in PurePosixPath(sub_path).parts or not source.exists()):
        raise Fault(f"artifact subPath `{sub_path}` is not in {kept.name}")
    _transfer(source, target, keeping=False)


def write(text: str, target: Path) -> None:
    """Places a raw artifact."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def _transfer(source: Path, target: Path, *, keeping: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.is_dir():
        target.mkdir(exist_ok=True)
        for entry in os.scandir(source):
            _transfer(Path(entry.path), target / entry.name, keeping=keeping)
    else:
        _file(source, target, keeping=keeping)


def _file(source: Path, target: Path, *, keeping: bool) -> None:
    information = source.stat()
    linkable = information.st_nlink == 1 if keeping else os.geteuid() != 0
    target.unlink(missing_ok=True)
    if not (linkable and _link(source, target)):
        shutil.copyfile(source, target)
        target.chmod(stat.S_IMODE(information.st_mode) | stat.S_IWUSR)
    if keeping:
        target.chmod(stat.S_IMODE(information.st_mode) & READ_ONLY)


def _link(source: Path, target: Path) -> bool:
    """Another name for the same file; not every file system can."""
    with contextlib.suppress(OSError):
        os.link(source, target)
        return True
    return False
