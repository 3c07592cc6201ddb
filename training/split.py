"""Which split an example belongs to: a pure function of its content, so that adding examples moves no other."""

import numpy as np

from training.examples import Examples, row_digests

SPLITS = ("train", "validation", "test")


def split(examples: Examples, shares: tuple[float, float, float]) -> dict[str, Examples]:
    """Splits by the hash of each row's features.

    Args:
      shares: Of train, validation and test; expected sizes, so the true ones differ by a little.
    Returns: By split name. Equal rows are on the same side; each split keeps the order of the rows.
    """
    sides = np.array([_side(digest, shares) for digest in row_digests(examples)], dtype=np.int64)
    return {name: examples.take(sides == index) for index, name in enumerate(SPLITS)}


def _side(digest: bytes, shares: tuple[float, float, float]) -> int:
    """0, 1 or 2: where the digest's first 8 bytes, as a fraction of 2**64, fall in the cumulated shares."""
    place = int.from_bytes(digest[:8], "big") / 2**64
    return int(place >= shares[0]) + int(place >= shares[0] + shares[1])
