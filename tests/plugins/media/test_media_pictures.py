"""Pictures: drawn anew by another process, without what was hidden in them, or refused."""

import sys
from io import BytesIO
from typing import Any
from uuid import UUID
from zlib import compress, crc32

import httpx
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from kernel.ids import new_id
from kernel.storage import StorageUnavailable
from kernel.testing import Person, School
from plugins.media.actions import pictures
from plugins.media.queries import renditions_by_file
from tests.plugins.media.conftest import Leftovers, form, picture, read, upload

MARK = b"Konrad was here"


def upside_down() -> bytes:
    """Return a JPEG that says of itself that it lies on its side, and where and by whom it was made."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x013B] = MARK.decode()
    return picture(60, 40, "JPEG", exif=exif, comment=MARK, quality=95)


def commented() -> bytes:
    """Return a PNG with a text, in colours with transparency, and something behind its end."""
    info = PngInfo()
    info.add_text("Comment", MARK.decode())
    return picture(mode="RGBA", colour="#ff000080", pnginfo=info) + MARK


def moving() -> bytes:
    """Return a GIF of two frames."""
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("red", "green")]
    file = BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], comment=MARK)
    return file.getvalue()


def bomb(width: int, height: int) -> bytes:
    """Return a small PNG that says that it has so many pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + name + data + crc32(name + data).to_bytes(4)

    head = width.to_bytes(4) + height.to_bytes(4) + b"\x08\x00\x00\x00\x00"
    data = compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


SENT: tuple[tuple[bytes, str, str, tuple[int, int]], ...] = (
    (upside_down(), "image/jpeg", "RGB", (40, 60)),
    (commented(), "image/png", "RGBA", (60, 40)),
    (moving(), "image/png", "RGB", (60, 40)),
    (picture(kind="WEBP", exif=b"Exif\x00\x00" + MARK), "image/webp", "RGB", (60, 40)),
    (picture(kind="JPEG", mode="CMYK"), "image/jpeg", "RGB", (60, 40)),
    (picture(kind="JPEG", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()),
     "image/jpeg", "RGB", (60, 40)),
    (picture(kind="PNG", icc_profile=b"broken"), "image/png", "RGB", (60, 40)),
)  # fmt: skip


async def test_picture_is_drawn_anew_without_what_was_hidden_in_it(
    school: School, student: Person, leftovers: Leftovers
) -> None:
    for content, content_type, mode, size in SENT:
        file = await upload(student, content, "me.html", kind="image")
        assert (file["kind"], file["content_type"], file["filename"]) == ("image", content_type, "me.html")
        kept = await read(student, school, file["url"])
        assert (kept.headers["content-type"], len(kept.content)) == (content_type, file["size"])
        assert MARK not in kept.content
        drawn = Image.open(BytesIO(kept.content))
        assert (drawn.mode, drawn.size, set(drawn.getexif())) == (mode, size, set())
        assert not {"icc_profile", "comment", "Comment", "exif"} & set(drawn.info)
        red, green, blue = drawn.convert("RGB").getpixel((20, 20))  # type: ignore[misc]
        assert (red > 200, max(green, blue) < 60) == (True, True)
    assert await leftovers(school) == (3 * len(SENT), len(SENT), 0)


async def test_picture_stands_upright(school: School, student: Person) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    sent = picture(2, 1, "PNG", exif=exif)
    kept = await read(student, school, (await upload(student, sent, kind="image"))["url"])
    drawn = Image.open(BytesIO(kept.content))
    assert [drawn.getpixel((0, row)) for row in range(2)] == [(0, 0, 255), (255, 0, 0)]


async def test_thumbnails_are_webp_no_wider_than_they_say(school: School, student: Person) -> None:
    wide, narrow = picture(1000, 500, "JPEG"), picture(100, 50, mode="RGBA", colour="#ff000000")
    found = []
    for sent in (wide, narrow):
        thumbnails = (await upload(student, sent, kind="image"))["thumbnails"]
        for name, url in thumbnails.items():
            answer = await read(student, school, url)
            drawn = Image.open(BytesIO(answer.content))
            found.append((name, answer.headers["content-type"], drawn.format, drawn.mode, drawn.size))
            assert answer.headers["content-disposition"] == f'inline; filename="{name}"'
    assert found == [
        ("w320.webp", "image/webp", "WEBP", "RGB", (320, 160)),
        ("w640.webp", "image/webp", "WEBP", "RGB", (640, 320)),
        ("w320.webp", "image/webp", "WEBP", "RGBA", (100, 50)),
        ("w640.webp", "image/webp", "WEBP", "RGBA", (100, 50)),
    ]


async def test_thumbnail_serves_its_session_alone(
    school: School, other_school: School, student: Person, anonymous: httpx.AsyncClient
) -> None:
    url = (await upload(student, picture(), kind="image"))["thumbnails"]["w320.webp"]
    assert (await read(student, school, url, Range="bytes=0-3")).content == b"RIFF"
    assert (await anonymous.get(f"http://{school.host}{url}")).status_code == 401
    assert (await read(await school.person("admin"), school, url)).json()["code"] == "media.address_of_another"
    assert (await read(await other_school.person("admin"), other_school, url)).status_code == 404
    other = await read(student, school, url.replace("w320", "w640"))
    assert (other.status_code, other.json()["code"]) == (403, "kernel.media_url_invalid")


async def test_what_was_made_of_files_is_found_in_bulk(school: School, student: Person) -> None:
    ids = [UUID((await upload(student, picture(), kind="image"))["id"]) for _ in range(2)]
    async with school.db() as db:
        one, all_of_them = (await renditions_by_file(db, ids[:1]), await renditions_by_file(db, [*ids, new_id()]))
    assert (list(one), list(all_of_them)) == (ids[:1], ids)
    assert [(name, each.width, each.height) for name, each in one[ids[0]].items()] == [
        ("w320.webp", 60, 40),
        ("w640.webp", 60, 40),
    ]


async def test_what_fails_at_the_second_thumbnail_leaves_nothing(
    school: School, student: Person, leftovers: Leftovers, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = school.deployment.storage.put

    async def failing(key: str, chunks: Any, **options: Any) -> Any:
        if key.endswith("w640.webp"):
            raise StorageUnavailable
        return await put(key, chunks, **options)

    monkeypatch.setattr(school.deployment.storage, "put", failing)
    answer = await student.post("/upload/image", files=form(picture()))
    assert (answer.status_code, answer.json()["code"]) == (503, "kernel.storage_unavailable")
    assert await leftovers(school) == (0, 0, 0)


NO_PICTURES: tuple[tuple[bytes, str], ...] = (
    (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "Send a picture"),
    (b"<html>", "Send a picture"),
    (b"", "Send a picture"),
    (picture()[:70], "damaged"),
    (b"GIF89a" + b"<script>alert(1)</script>", "damaged"),
    (b"\x89PNG\r\n\x1a\n" + bytes(500), "damaged"),
    (bomb(8000, 6000), "40,000,000 pixels"),
    (bomb(65_000, 65_000), "40,000,000 pixels"),
)


async def test_what_cannot_be_drawn_is_refused_and_leaves_nothing(
    school: School, student: Person, leftovers: Leftovers
) -> None:
    for content, detail in NO_PICTURES:
        answer = await student.post("/upload/image", files=form(content, "me.png"))
        problem = answer.json()
        assert (content[:20], answer.status_code, problem["code"]) == (content[:20], 415, "media.not_a_picture")
        assert detail in problem["detail"]
    assert await leftovers(school) == (0, 0, 0)


async def test_picture_that_takes_too_long_is_refused(
    school: School, student: Person, leftovers: Leftovers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "PATIENCE_S", 0)
    answer = await student.post("/upload/image", files=form(picture()))
    assert (answer.status_code, answer.json()["code"]) == (415, "media.not_a_picture")
    assert await leftovers(school) == (0, 0, 0)


async def test_a_fault_of_ours_is_not_blamed_on_the_picture(student: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "COMMAND", (sys.executable, "-c", "import nothing_of_this_name"))
    answer = await student.post("/upload/image", files=form(picture()))
    assert (answer.status_code, answer.json()["code"]) == (500, "kernel.internal")
