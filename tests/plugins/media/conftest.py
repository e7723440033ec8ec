"""What the tests of media share: bytes that look like videos, and what is left on disk and in tables."""

from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import httpx
import pytest
from PIL import Image

from kernel.settings import Settings
from kernel.testing import Person, School

Leftovers = Callable[[School], Awaitable[tuple[int, int, int]]]


def mp4(size: int = 5000, *, major: bytes = b"isom", brands: bytes = b"isommp42") -> bytes:
    """Return so many bytes that begin as an MP4 does; each byte behind that tells where it stands."""
    head = (16 + len(brands)).to_bytes(4) + b"ftyp" + major + bytes(4) + brands
    return head + bytes(position % 251 for position in range(size - len(head)))


def form(content: bytes, name: str = "lesson.mp4", kind: str = "video/mp4", *, field: str = "file") -> dict[str, Any]:
    """Return the argument of a client that sends a file in a form."""
    return {field: (name, content, kind)}


def picture(
    width: int = 60, height: int = 40, kind: str = "PNG", *, colour: str = "red", mode: str = "RGB", **options: Any
) -> bytes:
    """Return a picture of one colour but for its left upper pixel, which is blue."""
    drawn = Image.new("RGBA", (width, height), colour)
    drawn.putpixel((0, 0), (0, 0, 255, 255))
    file = BytesIO()
    drawn.convert(mode if mode == "RGBA" else "RGB").convert(mode).save(file, kind, **options)
    return file.getvalue()


def archive(*names: str, content: bytes = b"x", packed: bool = True) -> bytes:
    """Return a ZIP archive with these entries, each of the same content."""
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED if packed else ZIP_STORED) as made:
        for name in names:
            made.writestr(name, content)
    return file.getvalue()


async def upload(person: Person, content: bytes, name: str = "lesson.mp4", *, kind: str = "video") -> dict[str, Any]:
    """Upload a file and return the answer."""
    answer = await person.post(f"/upload/{kind}", files=form(content, name))
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def read(person: Person, school: School, url: str, method: str = "GET", **headers: str) -> httpx.Response:
    """Ask for a signed address."""
    return await person.request(method, f"http://{school.host}{url}", headers=headers)


@pytest.fixture
def stored_path(settings: Settings) -> Callable[[str], Path]:
    """A function that returns where an object is."""
    root = Path(unquote(urlsplit(settings.storage_url).path))
    return lambda key: root / key


@pytest.fixture
def leftovers(settings: Settings) -> Leftovers:
    """A function that returns how many objects, files and uploads a school has."""
    root = Path(unquote(urlsplit(settings.storage_url).path))

    async def count(school: School) -> tuple[int, int, int]:
        folder = root / str(school.id)
        objects = len([path for path in folder.rglob("*") if path.is_file()]) if folder.exists() else 0
        incoming = len(list((root / ".incoming").iterdir()))
        async with school.db() as db:
            driver = await db.driver()
            files = await driver.fetchval("SELECT count(*) FROM media.files")
            uploads = await driver.fetchval(
                "SELECT (SELECT count(*) FROM media.uploads) + (SELECT count(*) FROM media.upload_parts)"
            )
        return objects + incoming, files, uploads

    return count
