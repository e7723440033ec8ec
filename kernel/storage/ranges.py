"""Which bytes of an object a Range header asks for (RFC 9110, section 14).

Pure: a header's text in, a decision out. Conditions are `kernel.storage.preconditions`, headers and status of the
answer `kernel.storage.responses`.
"""

import re
from typing import NamedTuple

from kernel.errors import Invalid

_SPEC = re.compile(r"([0-9]*)-([0-9]*)")
_DIGITS_MAX = 20  # more than any size has; Python refuses to read thousands of digits


class RangeNotSatisfiable(Invalid):
    """The range begins behind the end of the object."""

    status = 416
    code = "kernel.range_not_satisfiable"
    title = "The requested range is outside of the file."


class ByteRange(NamedTuple):
    """The bytes from `start` up to and without `end`."""

    start: int
    end: int


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """Return the one range that the header asks for, or None for the whole.

    The whole also answers a header that is malformed, has another unit or names several ranges, which the RFC allows.

    Raises:
        RangeNotSatisfiable: The range holds no byte of the object.
    """
    unit, equals, text = (header or "").partition("=")
    specs = [spec for spec in (part.strip(" \t") for part in text.split(",")) if spec]
    if not equals or unit.strip(" \t").lower() != "bytes" or len(specs) != 1:
        return None
    match = _SPEC.fullmatch(specs[0])
    if match is None or specs[0] == "-":
        return None
    first, last = (_number(digits) if digits else None for digits in match.groups())
    if first is None:
        return _suffix(last or 0, size)
    if last is not None and last < first:
        return None
    if first >= size:
        raise _not_satisfiable(size)
    return ByteRange(first, size if last is None else min(last + 1, size))


def _suffix(length: int, size: int) -> ByteRange | None:
    if length == 0:
        raise _not_satisfiable(size)
    return ByteRange(max(size - length, 0), size) if size else None


def _not_satisfiable(size: int) -> RangeNotSatisfiable:
    return RangeNotSatisfiable(
        f"The file has {size} bytes.", headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"}
    )


def _number(digits: str) -> int:
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) < _DIGITS_MAX else 10**_DIGITS_MAX
