"""Zips that attack are refused in words, before they cost anything."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from rebuttal.document import json_of
from rebuttal.errors import InvalidInput
from rebuttal.intake.archive import MOST_ENTRIES
from tests.branched import branched
from tests.documents import LIMITS, in_zip, taken, zipped


def test_a_bomb_is_refused_while_it_unpacks() -> None:
    bomb = zipped(("a.json", b" " * 64 * 2**20))
    assert len(bomb) < 70_000
    with pytest.raises(InvalidInput, match=r"more than 0\.5 MiB"):
        taken(bomb)


def test_bytes_are_counted_over_all_documents_of_a_zip() -> None:
    text = json_of(*branched())
    fits = LIMITS.max_import_kib * 1024 // len(text)
    assert len(taken(in_zip(*[text] * fits))) == fits
    with pytest.raises(InvalidInput, match="more than"):
        taken(in_zip(*[text] * (fits + 1)))


def test_what_is_not_read_is_not_unpacked() -> None:
    bomb = ("a.md", b" " * 64 * 2**20)
    assert len(taken(zipped(bomb, ("a.json", json_of(*branched()))))) == 1


@pytest.mark.parametrize("packed", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_packed_in_a_way_that_cannot_be_unpacked_in_pieces_is_refused(packed: int) -> None:
    with pytest.raises(InvalidInput, match="not read here"):
        taken(zipped(("a.json", json_of(*branched())), packed=packed))


@pytest.mark.parametrize(
    "name",
    [
        *("../a.json", "/a.json", "a/../../b.json", "..", "C:\\a.json", "c:a.json", "a\\b.json"),
        *("a.zip", "a.py", "a", "a.json/../../b.json", "x" * 600 + ".json"),
    ],
)
def test_a_name_that_no_export_has_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"in the zip|is no debate"):
        taken(zipped((name, json_of(*branched()))))


def test_two_entries_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"2 entries called 'a\.json'"):
        taken(zipped(*[("a.json", json_of(*branched()))] * 2))


def test_a_link_is_refused() -> None:
    entry = zipfile.ZipInfo("a.json")
    entry.external_attr = 0o120777 << 16
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(InvalidInput, match="is a link"):
        taken(file.getvalue())


HEADERS: dict[str, tuple[bytes, int, bytes]] = {
    "encrypted": (b"PK\x01\x02", 8, b"\x01"),
    "smaller than it is": (b"PK\x01\x02", 24, struct.pack("<I", 10)),
    "begins elsewhere": (b"PK\x01\x02", 42, struct.pack("<I", 2**31)),
    "another checksum": (b"PK\x01\x02", 16, b"\0\0\0\0"),
    "a directory elsewhere": (b"PK\x05\x06", 12, struct.pack("<II", 2**31, 2**31)),
    "a directory of nothing": (b"PK\x05\x06", 12, struct.pack("<I", 0)),
}


@pytest.mark.parametrize(("sign", "at", "lie"), HEADERS.values(), ids=HEADERS.keys())
def test_a_header_that_lies_ends_in_words(sign: bytes, at: int, lie: bytes) -> None:
    data = bytearray(zipped(("a.json", json_of(*branched()))))
    begin = data.rfind(sign) + at
    data[begin : begin + len(lie)] = lie
    with pytest.raises(InvalidInput, match=r"broken|encrypted|no debate"):
        taken(bytes(data))


def test_a_million_entries_are_refused_before_an_object_is_made_of_each() -> None:
    entry = b"PK\x01\x02" + bytes(42)
    flood = b"PK\x03\x04" + entry * (MOST_ENTRIES + 1)
    count = struct.pack("<HHIIH", 65535, 65535, len(entry) * (MOST_ENTRIES + 1), 4, 0)
    with pytest.raises(InvalidInput, match="entries"):
        taken(flood + b"PK\x05\x06\0\0\0\0" + count)


def test_what_a_mac_adds_to_a_zip_does_no_harm() -> None:
    extra = [("__MACOSX/._a.json", "x"), ("home/.DS_Store", "x"), ("home/", "")]
    assert len(taken(zipped(*extra, ("home/a.json", json_of(*branched()))))) == 1
