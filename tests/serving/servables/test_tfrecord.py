import re
import struct

import pytest
import tensorflow as tf

from serving.errors import DataLoss
from serving.servables.tfrecord import read_records

RECORDS = [b"hello", b"", b"world!"]


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """Three records as TensorFlow writes them."""
    path = tmp_path_factory.mktemp("records") / "r"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in RECORDS:
            writer.write(record)
    return path.read_bytes()


def by_tensorflow(path):
    """Its records, then its error's text."""
    found = []
    try:
        found.extend(record.numpy() for record in tf.data.TFRecordDataset(str(path)))
    except tf.errors.DataLossError as error:
        found.append(re.sub(r"^\{\{.*?\}\} | \[Op:.*", "", error.message))
    return found


def by_us(path):
    """The same."""
    found = []
    try:
        found.extend(read_records(path))
    except DataLoss as error:
        found.append(error.message)
    return found


def test_records_come_back(content, tmp_path):
    """Empty ones too, and none of an empty file."""
    (tmp_path / "r").write_bytes(content)

    assert RECORDS == by_us(tmp_path / "r")
    (tmp_path / "r").write_bytes(b"")
    assert [] == by_us(tmp_path / "r")


def test_a_cut_file_reads_as_tensorflow_reads_it(content, tmp_path):
    """At every length."""
    for length in range(len(content)):
        (tmp_path / "r").write_bytes(content[:length])

        assert by_tensorflow(tmp_path / "r") == by_us(tmp_path / "r"), length


@pytest.mark.parametrize("index", [0, 9, 13, 18, 22, 34, 40, 55])
def test_a_changed_byte_is_found_as_tensorflow_finds_it(content, tmp_path, index):
    """In a header, in a record, in their checksums."""
    changed = bytearray(content)
    changed[index] ^= 1
    (tmp_path / "r").write_bytes(changed)

    assert by_tensorflow(tmp_path / "r") == by_us(tmp_path / "r")


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (2**64 - 1, "record size too large"),
        (2**62, "truncated record at 0' failed with Read less bytes than requested"),
    ],
)
def test_an_absurd_length_costs_no_memory(tmp_path, length, expected):
    """A header with a checksum that fits."""
    import google_crc32c

    from serving.servables.tfrecord import _masked

    header = struct.pack("<Q", length)
    (tmp_path / "r").write_bytes(header + struct.pack("<I", _masked(google_crc32c.value(header))) + b"abc")

    assert [expected] == by_us(tmp_path / "r")
