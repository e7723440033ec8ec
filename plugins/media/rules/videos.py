"""Decides whether a file is a video, and which; only containers that a browser plays are known."""

from typing import BinaryIO, Final

EXTENSIONS: Final = {
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/x-matroska": "mkv",
}
# Brands of ISO base media files (ISO/IEC 14496-12, https://mp4ra.org), of those that hold video.
_MP4_BRANDS: Final = frozenset(
    b"isom iso2 iso3 iso4 iso5 iso6 iso7 iso8 iso9 mp41 mp42 avc1 dash cmfc MSNV mmp4 3gp4 3gp5 3gp6 3g2a".split()
) | {b"M4V ", b"f4v "}
_SOUND_OR_PICTURE: Final = frozenset(b"avif avis heic heix heim heis hevc mif1 msf1".split()) | {
    b"M4A ",
    b"M4B ",
    b"M4P ",
}
_QUICKTIME: Final = b"qt  "
_FTYP_SMALLEST = 16
_EBML: Final = b"\x1a\x45\xdf\xa3"
_DOC_TYPE: Final = b"\x42\x82"
_DOC_TYPES: Final = {b"webm": "video/webm", b"matroska": "video/x-matroska"}


def video_type(head: bytes) -> str | None:
    """Return the content type of a video; None if it is none.

    Args:
        head: The file's first bytes, `HEAD_BYTES` of them if it has so many.
    """
    return _iso_type(head) or _matroska_type(head)


def major_brand(head: bytes) -> bytes | None:
    """Return what an ISO base media file says that it is above all; None if it is no such file."""
    size = int.from_bytes(head[:4])
    if head[4:8] != b"ftyp" or size % 4 or not _FTYP_SMALLEST <= size <= len(head):
        return None
    return head[8:12]


def is_progressive(file: BinaryIO) -> bool:
    """Say whether an MP4 plays while it is being loaded: its index stands in front of its pictures."""
    start = 0
    while True:
        file.seek(start)
        head = file.read(16)
        size, kind = int.from_bytes(head[:4]), head[4:8]
        if kind == b"moov":
            return True
        if size == 1:
            size = int.from_bytes(head[8:])
        if kind == b"mdat" or size < 8:
            return False
        start += size


def _iso_type(head: bytes) -> str | None:
    major = major_brand(head)
    if major is None:
        return None
    if major == _QUICKTIME:
        return "video/quicktime"
    brands = {major, *(head[start : start + 4] for start in range(16, int.from_bytes(head[:4]), 4))}
    return "video/mp4" if major not in _SOUND_OR_PICTURE and brands & _MP4_BRANDS else None


def _matroska_type(head: bytes) -> str | None:
    """Read the EBML header (RFC 8794) as far as the element that names the kind of document."""
    if not head.startswith(_EBML):
        return None
    start, length = _element_size(head, len(_EBML))
    end = min(start + length, len(head))
    while start < end:
        content = start + _width(head[start])
        name = head[start:content]
        start, length = _element_size(head, content)
        if name == _DOC_TYPE:
            return _DOC_TYPES.get(head[start : start + length].rstrip(b"\x00"))
        start += length
    return None


def _width(first: int) -> int:
    """Return how many bytes a number of variable width has, from its first one."""
    return 9 - first.bit_length()


def _element_size(head: bytes, start: int) -> tuple[int, int]:
    """Return where an element's content begins and how long it is; a truncated one ends the header."""
    width = _width(head[start]) if start < len(head) else 9
    if width > 8 or start + width > len(head):
        return len(head), 0
    return start + width, int.from_bytes(head[start : start + width]) & ((1 << (7 * width)) - 1)
