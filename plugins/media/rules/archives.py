"""Decides what a ZIP archive is, from the list of its entries at its end: a document, a book, or just an archive.

Nothing is unpacked here, nor anywhere in this plugin; what the list promises is bounded all the same, for those who do.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

ZIP: Final = "application/zip"
EXTENSIONS: Final = {
    ZIP: "zip",
    "application/epub+zip": "epub",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/vnd.oasis.opendocument.graphics": "odg",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
}
_BY_EXTENSION: Final = {extension: content_type for content_type, extension in EXTENSIONS.items()}
_OFFICE: Final = {
    b"word/document.xml": _BY_EXTENSION["docx"],
    b"xl/workbook.xml": _BY_EXTENSION["xlsx"],
    b"ppt/presentation.xml": _BY_EXTENSION["pptx"],
}
_LARGEST_RATIO: Final = 200
"""Text of tables shrinks to a fiftieth; a bomb to a thousandth."""
_RATIO_COUNTS_FROM: Final = 100 * 1024**2
_MOST_BYTES: Final = 20 * 1024**3
# PKWARE's APPNOTE 6.3.10: 4.3.7 local header, 4.3.12 central directory, 4.3.16 its end.
_LOCAL: Final = b"PK\x03\x04"
_ENTRY: Final = b"PK\x01\x02"
_END: Final = b"PK\x05\x06"
_ENTRY_BYTES: Final = 46
_END_BYTES: Final = 22
_LINK: Final = 0o120000
TAIL_BYTES: Final = 1024 * 1024
"""So many bytes from the end hold the list of about ten thousand entries."""


class Entry(NamedTuple):
    """One entry of the list, its sizes in bytes."""

    name: bytes
    packed: int
    unpacked: int
    mode: int


def is_zip(head: bytes) -> bool:
    """Say whether a file begins as an archive does."""
    return head.startswith(_LOCAL)


def archive_type(head: bytes, tail: bytes) -> str | None:
    """Return the content type of an archive; None for one that is damaged, has macros, or would do harm unpacked.

    Args:
        head: Its first bytes.
        tail: Its last bytes, `TAIL_BYTES` of them if it has so many.
    """
    entries = list(_entries(tail))
    if not entries or not all(_is_harmless(entry) for entry in entries):
        return None
    packed, unpacked = sum(entry.packed for entry in entries), sum(entry.unpacked for entry in entries)
    if unpacked > _MOST_BYTES or (unpacked > _RATIO_COUNTS_FROM and unpacked > packed * _LARGEST_RATIO):
        return None
    names = {entry.name for entry in entries}
    if b"[Content_Types].xml" in names:
        if any(name.lower().endswith(b"/vbaproject.bin") for name in names):
            return None
        return next((content_type for name, content_type in _OFFICE.items() if name in names), ZIP)
    return _declared_type(head) or ZIP


def _declared_type(head: bytes) -> str | None:
    """Return what the entry `mimetype` says, which comes first and is not packed (OpenDocument 1.3, part 2, 3.3)."""
    if head[30:38] != b"mimetype" or head[8:10] != b"\x00\x00":
        return None
    start = 38 + int.from_bytes(head[28:30], "little")
    said = head[start : start + int.from_bytes(head[18:22], "little")]
    return next((content_type for content_type in EXTENSIONS if content_type.encode() == said), None)


def _entries(tail: bytes) -> Iterator[Entry]:
    """Give the entries; none if the list is longer than the tail, or is not what its end says."""
    end = tail.rfind(_END)
    if end < 0 or end + _END_BYTES + int.from_bytes(tail[end + 20 : end + 22], "little") != len(tail):
        return
    count = int.from_bytes(tail[end + 10 : end + 12], "little")
    start = end - int.from_bytes(tail[end + 12 : end + 16], "little")
    if start < 0:
        return
    found = []
    for _ in range(count):
        if tail[start : start + 4] != _ENTRY or start + _ENTRY_BYTES > end:
            return
        packed, unpacked, name, extra, comment = (
            int.from_bytes(tail[start + at : start + at + width], "little")
            for at, width in ((20, 4), (24, 4), (28, 2), (30, 2), (32, 2))
        )
        mode = int.from_bytes(tail[start + 40 : start + 42], "little")
        begin = start + _ENTRY_BYTES
        found.append(Entry(tail[begin : begin + name], packed, unpacked, mode))
        start = begin + name + extra + comment
    if start == end:
        yield from found


def _is_harmless(entry: Entry) -> bool:
    """Say whether an entry stays in its folder; sizes of 4 GiB and more stand elsewhere and are refused."""
    name = entry.name.replace(b"\\", b"/")
    parts = name.split(b"/")
    return (
        bool(name)
        and b"\x00" not in name
        and not name.startswith(b"/")
        and b":" not in parts[0]
        and b".." not in parts
        and entry.mode & 0o170000 != _LINK
        and 0xFFFFFFFF not in (entry.packed, entry.unpacked)
    )
