"""Archives of courses as somebody else might make them."""

import hashlib
import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from tests.plugins.media.conftest import mp4, picture

FILES = {"files/1.mp4": ("video", mp4()), "files/2.png": ("image", picture()), "files/3.txt": ("file", b"Read me.")}


def described(name: str, kind: str, content: bytes) -> dict[str, Any]:
    """Return what a manifest says of a file."""
    digest = hashlib.sha256(content).hexdigest()
    return {"name": name, "kind": kind, "filename": name[6:], "size": len(content), "sha256": digest}


def manifest(**changes: Any) -> dict[str, Any]:
    """Return what an archive says of a course with a video, a cover and a material."""
    video = {"title": "The saw", "video_type": "server_upload", "file": "files/1.mp4", "duration_seconds": 60}
    return {
        "format": "collegium-course",
        "version": 1,
        "course": {"title": "Chairs", "cover": "files/2.png"},
        "sections": [{"title": "One", "videos": [video]}],
        "materials": [{"title": "Notes", "file": "files/3.txt"}],
        "files": [described(name, kind, content) for name, (kind, content) in FILES.items()],
    } | changes


def zipped(entries: list[tuple[str, bytes]], packing: int = ZIP_DEFLATED) -> bytes:
    """Return an archive of these entries."""
    file = BytesIO()
    with ZipFile(file, "w", packing) as made:
        for name, content in entries:
            made.writestr(name, content)
    return file.getvalue()


def course_archive(said: dict[str, Any] | None = None, other: Mapping[str, bytes | None] | None = None) -> bytes:
    """Return an archive of a course, with other entries under these names, or without them where they are None."""
    contents: dict[str, bytes | None] = {"course.json": json.dumps(said or manifest()).encode()}
    contents |= {name: content for name, (_, content) in FILES.items()} | dict(other or {})
    return zipped([(name, content) for name, content in contents.items() if content is not None])
