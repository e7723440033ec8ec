"""Reads the headers of the tus protocol 1.0.0 (https://tus.io/protocols/resumable-upload)."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import Final, cast, get_args

from msgspec import Struct

from kernel.errors import FieldError, Invalid
from plugins.media.errors import TusVersion
from plugins.media.schemas import FileKind

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,termination,expiration"
APPENDED_TYPE: Final = "application/offset+octet-stream"
_LARGEST: Final = 2**40


class Announced(Struct, frozen=True):
    """What is to come: its length in bytes, what it is for, and its name."""

    length: int
    kind: FileKind
    filename: str


def check_version(headers: Mapping[str, str]) -> None:
    """Refuse another version of the protocol.

    Raises:
        TusVersion: It is one.
    """
    if headers.get("tus-resumable", VERSION) != VERSION:
        raise TusVersion(headers={"Tus-Version": VERSION})


def announced(headers: Mapping[str, str]) -> Announced:
    """Return what a creation announces.

    Raises:
        Invalid: Names the header.
    """
    length = byte_count(headers, "Upload-Length")
    if not length:
        raise _wrong("Upload-Length", "An upload has at least one byte.")
    said = _metadata(headers.get("upload-metadata", ""))
    purpose = said.get("purpose", "")
    if purpose not in get_args(FileKind):
        raise _wrong("Upload-Metadata", "It needs a `purpose`, which is `video`, `image`, `file` or `archive`.")
    return Announced(length, cast(FileKind, purpose), said.get("filename", ""))


def byte_count(headers: Mapping[str, str], name: str) -> int:
    """Return a header that counts bytes.

    Raises:
        Invalid: It is missing, or no number.
    """
    text = headers.get(name.lower(), "")
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) <= _LARGEST):
        raise _wrong(name, "This must be a number of bytes.")
    return int(text)


def _metadata(header: str) -> dict[str, str]:
    said = {}
    for pair in header.split(",") if header else ():
        name, _, value = pair.strip().partition(" ")
        try:
            said[name] = b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            raise _wrong("Upload-Metadata", "Each value must be UTF-8 in Base64.") from None
    return said


def _wrong(header: str, message: str) -> Invalid:
    return Invalid(errors=[FieldError(header, message)])
