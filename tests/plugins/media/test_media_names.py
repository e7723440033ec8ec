"""Names that would do harm in a header or on a disk, and files that are two things at once."""

from base64 import b64encode

import pytest

from kernel.testing import Person, School
from tests.plugins.media.conftest import Leftovers, archive, form, mp4, picture, read, upload

CONTENT = mp4(2000)
NAMES: tuple[tuple[str, str, str], ...] = (
    ("../../x", "_.._x", "inline; filename=\"download._x\"; filename*=UTF-8''_.._x"),
    ("/etc/passwd", "_etc_passwd", 'inline; filename="_etc_passwd"'),
    ("C:\\autoexec.bat", "C:_autoexec.bat", 'inline; filename="C:_autoexec.bat"'),
    (".htaccess", "htaccess", 'inline; filename="htaccess"'),
    ("...", "video.mp4", 'inline; filename="video.mp4"'),
    ("", "video.mp4", 'inline; filename="video.mp4"'),
    ("cod\u202e4pm.exe", "cod4pm.exe", 'inline; filename="cod4pm.exe"'),
    ("a\u061cb\u2067c.mp4", "abc.mp4", 'inline; filename="abc.mp4"'),
    ("bell\x07 \x7f\x85.mp4", "bell .mp4", 'inline; filename="bell .mp4"'),
    ("a\r\nSet-Cookie: x=1\r\n\r\n<html>.mp4", "aSet-Cookie: x=1<html>.mp4",
     'inline; filename="aSet-Cookie: x=1<html>.mp4"'),
    ('a"; filename="b.exe', 'a"; filename="b.exe',
     "inline; filename=\"a_; filename=_b.exe\"; filename*=UTF-8''a%22%3B%20filename%3D%22b.exe"),
    ("100%41.mp4", "100%41.mp4", "inline; filename=\"100_41.mp4\"; filename*=UTF-8''100%2541.mp4"),
    ("x" * 300 + ".mp4", "x" * 196 + ".mp4", f'inline; filename="{"x" * 196}.mp4"'),
    ("\U0001f393\u200d.mp4", "\U0001f393\u200d.mp4",
     "inline; filename=\"download.mp4\"; filename*=UTF-8''%F0%9F%8E%93%E2%80%8D.mp4"),
    ("\u062f\u0631\u0633.mp4", "\u062f\u0631\u0633.mp4",
     "inline; filename=\"download.mp4\"; filename*=UTF-8''%D8%AF%D8%B1%D8%B3.mp4"),
)  # fmt: skip


@pytest.mark.parametrize(("sent", "kept", "disposition"), NAMES, ids=range(len(NAMES)))
async def test_name_is_harmless_wherever_it_is_shown(
    school: School, instructor: Person, sent: str, kept: str, disposition: str
) -> None:
    metadata = f"purpose {b64encode(b'video').decode()},filename {b64encode(sent.encode()).decode()}"
    begun = await instructor.post(
        "/upload/tus", headers={"Upload-Length": str(len(CONTENT)), "Upload-Metadata": metadata}
    )
    path = begun.headers["location"].removeprefix("/api/v1")
    headers = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    assert (await instructor.patch(path, headers=headers, content=CONTENT)).status_code == 204
    file = (await instructor.get(path)).json()["file"]
    assert file["filename"] == kept
    answer = await read(instructor, school, file["url"])
    assert (answer.status_code, answer.headers["content-disposition"]) == (200, disposition)
    assert "set-cookie" not in answer.headers
    storage = school.deployment.storage
    assert [key async for key in storage.list_keys(f"{school.id}/")] == [f"{school.id}/{file['id']}.mp4"]


PAGE = b"<!doctype html><script>alert(1)</script>"
BOTH: tuple[tuple[str, bytes, str, str, str], ...] = (
    ("video", CONTENT + PAGE, "a.html", "video/mp4", "inline"),
    ("file", b"%PDF-1.7\n" + PAGE, "a.html", "application/pdf", "inline"),
    ("file", b"Words first.\n" + PAGE, "a.html", "text/plain", "attachment"),
    ("file", archive("a.html", content=PAGE), "a.html", "application/zip", "attachment"),
)


@pytest.mark.parametrize(("kind", "content", "name", "content_type", "shown"), BOTH, ids=range(len(BOTH)))
async def test_what_is_a_page_too_is_never_run_as_one(
    school: School, instructor: Person, kind: str, content: bytes, name: str, content_type: str, shown: str
) -> None:
    file = await upload(instructor, content, name, kind=kind)
    for method in ("GET", "HEAD"):
        answer = await read(instructor, school, file["url"], method)
        assert answer.headers["content-type"].partition(";")[0] == content_type
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-disposition"] == f'{shown}; filename="a.html"'
        if shown == "attachment":
            assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"


async def test_picture_that_is_a_page_too_is_a_picture_afterwards(school: School, instructor: Person) -> None:
    file = await upload(instructor, picture() + PAGE, "a.html", kind="image")
    answer = await read(instructor, school, file["url"])
    assert (answer.headers["content-type"], PAGE in answer.content) == ("image/png", False)


@pytest.mark.parametrize("kind", ["video", "image", "file", "archive"])
async def test_page_is_refused_whatever_it_is_called(
    school: School, instructor: Person, leftovers: Leftovers, kind: str
) -> None:
    for content in (PAGE, b"\xef\xbb\xbf" + PAGE, PAGE + CONTENT, b"#EXTM3U\n<script>" if kind != "file" else PAGE):
        answer = await instructor.post(f"/upload/{kind}", files=form(content, "lesson.mp4", "video/mp4"))
        assert answer.status_code == 415
    assert await leftovers(school) == (0, 0, 0)
