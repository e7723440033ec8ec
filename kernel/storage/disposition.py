"""How an object's file name and type may appear in a header: what is shown in place, what is only downloaded.

Source: RFC 6266 and RFC 8187 for the file name; security.md, rule 34, for what is shown.
"""

import re
import unicodedata
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import quote

Disposition = Literal["inline", "attachment"]

# A browser runs nothing of these. SVG and HTML, which it would run, are in no such list, whatever their maker says.
INLINE_TYPES = frozenset(
    {
        "application/pdf",
        "application/vnd.apple.mpegurl",
        "audio/aac",
        "audio/flac",
        "audio/mp4",
        "audio/mpeg",
        "audio/ogg",
        "audio/wav",
        "audio/webm",
        "image/avif",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/vtt",
        "video/iso.segment",
        "video/mp2t",
        "video/mp4",
        "video/ogg",
        "video/quicktime",
        "video/webm",
        "video/x-matroska",
    }
)

_CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")
_FILENAME_MAX = 200
_REVERSING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # would show "exe.mp4" for "4pm.exe"
_SEPARATORS = re.compile(r"[/\\]")
_UNQUOTABLE = re.compile(r'["%\\]')


def check_content_type(content_type: str) -> str:
    """Return the type, or raise ValueError unless it is `type/subtype` in small letters without parameters."""
    if _CONTENT_TYPE.fullmatch(content_type) is None:
        raise ValueError(f"{content_type!r} is not a content type such as video/mp4.")
    return content_type


def shown_disposition(wanted: Disposition, content_type: str) -> Disposition:
    """Return `inline` only for what a browser may show in place."""
    return wanted if content_type in INLINE_TYPES else "attachment"


def safe_filename(name: str) -> str:
    """Return the name as one line of at most 200 characters, perhaps empty.

    Paths, leading dots, control characters and marks that reverse the direction of writing are taken out.
    """
    name = _SEPARATORS.sub("_", _REVERSING.sub("", name))
    name = "".join(letter for letter in name if unicodedata.category(letter) not in {"Cc", "Cs", "Zl", "Zp"})
    name = name.strip().lstrip(". ")
    suffix = PurePosixPath(name).suffix[:20]
    return (name if len(name) <= _FILENAME_MAX else name[: _FILENAME_MAX - len(suffix)] + suffix).strip()


def content_disposition(disposition: Disposition, filename: str | None) -> str:
    """Return the header's value, with the name in ASCII for old clients and in UTF-8 for all others."""
    name = safe_filename(filename or "")
    if not name:
        return disposition
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = _UNQUOTABLE.sub("_", plain).strip()
    stem, dot, suffix = plain.rpartition(".")
    if not (stem if dot else plain).strip("._- "):
        plain = f"download{dot}{suffix if dot else ''}"
    value = f'{disposition}; filename="{plain}"'
    return value if plain == name else f"{value}; filename*=UTF-8''{quote(name, safe='')}"
