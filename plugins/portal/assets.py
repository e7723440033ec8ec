"""The files that browsers keep: every plugin's folder `static`, below an address that changes with the contents.

All stand below one digest, so that a module which imports its neighbour gets the one it was written with.
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
_WORTH_PACKING = 600


class Asset(Struct, frozen=True):
    """A file as it is sent."""

    media_type: str
    body: bytes
    packed: bytes | None


class Assets:
    """Those of a deployment, read once.

    Args:
        folders: Each plugin's name and folder.
    """

    def __init__(self, folders: Iterable[tuple[str, Path]]) -> None:
        self.files: dict[str, Asset] = {}
        digest = hashlib.sha256()
        for plugin, folder in sorted(folders):
            root = folder / "static"
            for file in sorted(each for each in root.rglob("*") if each.is_file()):
                name = f"{plugin}/{file.relative_to(root).as_posix()}"
                body = file.read_bytes()
                digest.update(f"{name}:{len(body)}:".encode() + body)
                self.files[name] = Asset(_type_of(file), body, _packed(body))
        self.digest = digest.hexdigest()[:12]

    def address(self, name: str) -> str:
        """Return where browsers find a file, `plugin/file`.

        Raises:
            LookupError: There is no such file, so a template that names it does not draw.
        """
        if name not in self.files:
            raise LookupError(f"no plugin has the static file {name!r}")
        return f"/static/{self.digest}/{name}"


def _type_of(file: Path) -> str:
    return _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"


def _packed(body: bytes) -> bytes | None:
    packed = gzip.compress(body, mtime=0)
    return packed if len(body) > _WORTH_PACKING and len(packed) < len(body) else None
