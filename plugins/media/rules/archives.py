"""Decides what a ZIP archive is, from the list of its entries at its end: a document, a book, or just an archive.

Nothing is unpacked here: what the list promises is bounded first, for `actions.unpacking` and for whoever has the file.
"""

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
_MOST_BYTES: Final = 100 * 1024**3
# PKWARE's APPNOTE 6.3.10: 4.3.7 local header, 4.3.12 central directory, 4.3.16 its end.
_LOCAL: Final = b"PK\x03\x04"
_ENTRY: Final = b"PK\x01\x02"
_END: Final = b"PK\x05\x06"
# 4.3.14 and 4.3.15, 4.5.3: where numbers need more than 32 bits.
_LARGE_END: Final = b"PK\x06\x06"
_LARGE_LOCATOR: Final = b"PK\x06\x07"
_LARGE_NUMBERS: Final = 1
_LARGE: Final = 0xFFFFFFFF
_LOCAL_BYTES: Final = 30
_ENTRY_BYTES: Final = 46
_END_BYTES: Final = 22
_LARGE_END_BYTES: Final = 56
_LARGE_LOCATOR_BYTES: Final = 20
_ENCRYPTED: Final = 1
STORED: Final = 0
DEFLATED: Final = 8
_LINK: Final = 0o120000
TAIL_BYTES: Final = 1024 * 1024
"""So many bytes from the end hold the list of about ten thousand entries."""


class Entry(NamedTuple):
    """One entry of the list, its sizes in bytes."""

    name: bytes
    packed: int
    unpacked: int
    mode: int
    starts_at: int
    """Where its local header is, from the start of the archive."""
    method: int
    flags: int
    crc: int

    @property
    def is_readable(self) -> bool:
        """Whether it can be unpacked here: it is not encrypted, and stored or deflated."""
        return not self.flags & _ENCRYPTED and self.method in (STORED, DEFLATED)


def is_zip(head: bytes) -> bool:
    """Say whether a file begins as an archive does."""
    return head.startswith(_LOCAL)


def archive_type(head: bytes, tail: bytes) -> str | None:
    """Return the content type of an archive; None for one that is damaged, has macros, or would do harm unpacked.

    Args:
        head: Its first bytes.
        tail: Its last bytes, `TAIL_BYTES` of them if it has so many.
    """
    entries = listed(tail)
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


def listed(tail: bytes) -> list[Entry]:
    """Return the entries; none if the list is longer than the tail, or is not what its end says.

    Args:
        tail: The archive's last bytes, `TAIL_BYTES` of them if it has so many.
    """
    place = _list_place(tail)
    if place is None:
        return []
    start, end, count = place
    found: list[Entry] = []
    while start < end and len(found) < count:
        entry, start = _entry(tail, start, end)
        if entry is None:
            return []
        found.append(entry)
    return found if start == end and len(found) == count else []


def local_bytes(head: bytes, entry: Entry) -> int | None:
    """Return how long the local header of an entry is; None if it is none, or that of another entry.

    Args:
        head: The bytes from where it starts, `LOCAL_HEAD_BYTES` of them if there are so many.
        entry: As it is listed.
    """
    name_bytes, extra_bytes = (int.from_bytes(head[at : at + 2], "little") for at in (26, 28))
    name = head[_LOCAL_BYTES : _LOCAL_BYTES + name_bytes]
    return _LOCAL_BYTES + name_bytes + extra_bytes if is_zip(head) and name == entry.name else None


LOCAL_HEAD_BYTES: Final = _LOCAL_BYTES + 65_535
"""A local header and the longest name."""


def _list_place(tail: bytes) -> tuple[int, int, int] | None:
    """Return where in the tail the list starts and ends, and how many entries it has."""
    end = tail.rfind(_END)
    if end < 0 or end + _END_BYTES + int.from_bytes(tail[end + 20 : end + 22], "little") != len(tail):
        return None
    count = int.from_bytes(tail[end + 10 : end + 12], "little")
    size = int.from_bytes(tail[end + 12 : end + 16], "little")
    locator = end - _LARGE_LOCATOR_BYTES
    if locator >= 0 and tail[locator : locator + 4] == _LARGE_LOCATOR:
        end = locator - _LARGE_END_BYTES
        if end < 0 or tail[end : end + 4] != _LARGE_END:
            return None
        count = int.from_bytes(tail[end + 32 : end + 40], "little")
        size = int.from_bytes(tail[end + 40 : end + 48], "little")
    return (end - size, end, count) if end >= size else None


def _entry(tail: bytes, start: int, end: int) -> tuple[Entry | None, int]:
    """Return the entry that is listed here, and where the next one is."""
    if tail[start : start + 4] != _ENTRY or start + _ENTRY_BYTES > end:
        return None, start
    flags, method, crc, packed, unpacked, name_bytes, extra_bytes, comment_bytes, mode, starts_at = (
        int.from_bytes(tail[start + at : start + at + width], "little")
        for at, width in (
            *((8, 2), (10, 2), (16, 4), (20, 4), (24, 4)),
            *((28, 2), (30, 2), (32, 2), (40, 2), (42, 4)),
        )
    )
    begin = start + _ENTRY_BYTES
    extra = begin + name_bytes
    numbers = _large_numbers(tail[extra : extra + extra_bytes], (unpacked, packed, starts_at))
    if numbers is None:
        return None, start
    unpacked, packed, starts_at = numbers
    entry = Entry(tail[begin:extra], packed, unpacked, mode, starts_at, method, flags, crc)
    return entry, extra + extra_bytes + comment_bytes


def _large_numbers(extra: bytes, numbers: tuple[int, int, int]) -> tuple[int, int, int] | None:
    """Return the numbers of an entry, those from its extra field that need more than 32 bits."""
    if _LARGE not in numbers:
        return numbers
    at = 0
    while at + 4 <= len(extra) and int.from_bytes(extra[at : at + 2], "little") != _LARGE_NUMBERS:
        at += 4 + int.from_bytes(extra[at + 2 : at + 4], "little")
    large = extra[at + 4 : at + 4 + int.from_bytes(extra[at + 2 : at + 4], "little")]
    read = []
    for number in numbers:
        if number == _LARGE:
            if len(large) < 8:
                return None
            number, large = int.from_bytes(large[:8], "little"), large[8:]  # noqa: PLW2901 - the same number, in full
        read.append(number)
    return read[0], read[1], read[2]


def _is_harmless(entry: Entry) -> bool:
    """Say whether an entry stays in its folder and is no link."""
    name = entry.name.replace(b"\\", b"/")
    parts = name.split(b"/")
    return (
        bool(name)
        and b"\x00" not in name
        and not name.startswith(b"/")
        and b":" not in parts[0]
        and b".." not in parts
        and entry.mode & 0o170000 != _LINK
    )
