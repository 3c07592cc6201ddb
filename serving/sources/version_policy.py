"""Which of the versions found under a base path are aspired: the latest n, all, or specific ones. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serving.core.servable_id import MAX_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# What absl::SimpleAtoi takes: blanks around, a sign, leading zeros.
_NUMBER = re.compile(r"[ \t\n\v\f\r]*[+-]?[0-9]+[ \t\n\v\f\r]*", re.ASCII)


@dataclass(frozen=True)
class Latest:
    """The highest `num_versions`."""

    num_versions: int = 1


@dataclass(frozen=True)
class All:
    """Every one."""


@dataclass(frozen=True)
class Specific:
    """Exactly these, as far as they are there."""

    versions: frozenset[int]


VersionPolicy = Latest | All | Specific


def version_number(name: str) -> int | None:
    """The version that a folder's name stands for; None if it stands for none."""
    if not _NUMBER.fullmatch(name):
        return None
    number = int(name)
    return number if 0 <= number <= MAX_VERSION else None


def versions_found(names: Iterable[str]) -> dict[int, str]:
    """Version to name of its folder; of two names of one version (`1`, `001`) the last in order is used."""
    found: dict[int, str] = {}
    for name in sorted(names):
        number = version_number(name)
        if number is not None:
            found[number] = name
    return found


def duplicates(names: Iterable[str]) -> list[tuple[int, str]]:
    """Each version with a second, third ... name for it, which is not used."""
    names = sorted(names)
    used = set(versions_found(names).values())
    numbers = ((version_number(name), name) for name in names if name not in used)
    return [(number, name) for number, name in numbers if number is not None]


def aspired_versions(found: Mapping[int, str], policy: VersionPolicy) -> list[int]:
    """The versions to serve, descending.

    Source: TF Serving sources/storage_path/file_system_storage_path_source.cc at 2.20.0.
    """
    descending = sorted(found, reverse=True)
    if isinstance(policy, Specific):
        return [version for version in descending if version in policy.versions]
    if isinstance(policy, Latest):
        return descending[: max(policy.num_versions, 1)]
    return descending
