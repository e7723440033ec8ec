"""Documents and sound: known by their content, refused when a browser would run them or a reader be harmed."""

import stat
from contextlib import suppress
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.testing import Person, School, SchoolFactory
from plugins.media.errors import FileNotAccepted
from plugins.media.rules.archives import TAIL_BYTES
from plugins.media.rules.inspecting import HEAD_BYTES, extension, inspection
from tests.plugins.media.conftest import Leftovers, archive, form, mp4, read, upload

OFFICE = "application/vnd.openxmlformats-officedocument"
ODT = "application/vnd.oasis.opendocument.text"
FRAME = b"\xff\xfb\x90\x00" + bytes(413)  # MPEG 1, layer III, 128 kbit/s, 44.1 kHz: 417 bytes
OGG = b"OggS" + bytes(22) + b"\x01\x1e"


def declared(content_type: str) -> bytes:
    """Return an archive that says what it is by its first entry."""
    file = BytesIO()
    with ZipFile(file, "w", ZIP_STORED) as made:
        made.writestr("mimetype", content_type)
        made.writestr("content.xml", "<x/>", ZIP_DEFLATED)
    return file.getvalue()


def linked() -> bytes:
    """Return an archive with a symbolic link."""
    entry = ZipInfo("link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    file = BytesIO()
    with ZipFile(file, "w") as made:
        made.writestr(entry, "/etc/passwd")
    return file.getvalue()


def promising(unpacked: int) -> bytes:
    """Return an archive whose list says that its entry has so many bytes."""
    made = bytearray(archive("a", content=b"x" * 1000))
    at = made.rfind(b"PK\x01\x02") + 24
    made[at : at + 4] = unpacked.to_bytes(4, "little")
    return bytes(made)


def seen(content: bytes, size: int = 5000) -> str:
    """Return what a file is that passes by in pieces."""
    looking = inspection("file", content[:HEAD_BYTES])
    for start in range(0, len(content), size):
        looking.pass_by(content[start : start + size])
    return looking.end()


KNOWN: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf", "pdf"),
    (b"a,b\r\n1,2\r\n", "text/plain", "txt"),
    ("\ufeffÜber\n# Kapitel\n<b>fett</b>\t\x0c".encode(), "text/plain", "txt"),
    (archive("a.txt", "b/c.txt"), "application/zip", "zip"),
    (archive("[Content_Types].xml", "word/document.xml"), f"{OFFICE}.wordprocessingml.document", "docx"),
    (archive("docProps/app.xml", "[Content_Types].xml", "xl/workbook.xml"), f"{OFFICE}.spreadsheetml.sheet", "xlsx"),
    (archive("[Content_Types].xml", "ppt/presentation.xml"), f"{OFFICE}.presentationml.presentation", "pptx"),
    (archive("[Content_Types].xml", "other.xml"), "application/zip", "zip"),
    (archive("word/document.xml"), "application/zip", "zip"),
    (declared(ODT), ODT, "odt"),
    (declared("application/epub+zip"), "application/epub+zip", "epub"),
    (declared("text/html"), "application/zip", "zip"),
    (archive("mimetype", content=b"application/epub+zip" * 9), "application/zip", "zip"),
    (archive(*(f"pages/{number:0100}.txt" for number in range(4000))), "application/zip", "zip"),
    (b"ID3\x04\x00\x00\x00\x00\x02\x01" + bytes(200), "audio/mpeg", "mp3"),
    (FRAME * 2, "audio/mpeg", "mp3"),
    (mp4(major=b"M4A ", brands=b"M4A mp42isom"), "audio/mp4", "m4a"),
    (OGG + b"\x01vorbis", "audio/ogg", "ogg"),
    (OGG + b"OpusHead", "audio/ogg", "ogg"),
    (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav", "wav"),
)


@pytest.mark.parametrize(("content", "content_type", "ending"), KNOWN, ids=range(len(KNOWN)))
def test_files_are_known(content: bytes, content_type: str, ending: str) -> None:
    assert (seen(content), seen(content, 1 if len(content) < 9999 else 70_000)) == (content_type, content_type)
    assert extension(content_type) == ending


REFUSED: tuple[bytes, ...] = (
    b"",
    b"<!doctype html><script>alert(1)</script>",
    b"\xef\xbb\xbf \r\n\t<ScRiPt>alert(1)</script>",
    b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    b"<?xml version='1.0'?><svg/>",
    b"<!-- --><html>",
    b"</p>",
    b"text with \x00",
    b"text" * 2000 + b"\x00",
    b"text" * 2000 + b"\xff",
    "Über".encode("latin-1"),
    "Über".encode("utf-16"),
    b"cut off \xc3",
    b"MZ\x90\x00\x03",
    b"\x7fELF\x02\x01",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",  # Word, Excel before 2007: they may have macros
    mp4(),
    b"\x89PNG\r\n\x1a\n",
    b"RIFF\x00\x00\x00\x00WEBPVP8 ",
    FRAME,
    FRAME + b"\xff\xfb\xf0\x00",
    b"\xff\xfa\x00",
    b"\xff\xeb\x90\x00",
    b"ID3\x04\x00\x00\xff\xff\xff\xff\x00",
    OGG + b"\x80theora",
    b"OggS" + bytes(20),
    archive("a")[:-30],
    archive("a") + b"trailing" * 10_000,
    b"PK\x03\x04" + bytes(100),
    b"PK\x05\x06" + bytes(18),
    archive(),
    archive("../../etc/passwd"),
    archive("/etc/passwd"),
    archive("a/../../b"),
    archive("..\\b"),
    archive("C:\\b"),
    linked(),
    archive("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"),
    promising(2**32 - 2),
    promising(2**32 - 1),
    archive(*(f"pages/{number:0200}.txt" for number in range(TAIL_BYTES // 240))),
)


@pytest.mark.parametrize("content", REFUSED, ids=range(len(REFUSED)))
def test_everything_else_is_refused(content: bytes) -> None:
    with pytest.raises(FileNotAccepted):
        seen(content)


@given(
    st.sampled_from([b"", b"OggS", b"ID3", b"\xff\xfb", b"RIFF", b"PK\x03\x04", *(each[0][:60] for each in KNOWN)]),
    st.binary(max_size=200),
    st.sampled_from([b"", archive("a"), archive("a")[40:], b"PK\x05\x06"]),
)
def test_any_bytes_are_answered(head: bytes, middle: bytes, tail: bytes) -> None:
    with suppress(FileNotAccepted):
        assert extension(seen(head + middle + tail))


async def test_file_is_described_and_only_downloaded(school: School, instructor: Person, leftovers: Leftovers) -> None:
    document = archive("[Content_Types].xml", "word/document.xml", content=b"x" * 5000)
    file = await upload(instructor, document, "lesson.html", kind="file")
    assert (file["kind"], file["filename"], file["content_type"], file["size"]) == (
        "file",
        "lesson.html",
        f"{OFFICE}.wordprocessingml.document",
        len(document),
    )
    answer = await read(instructor, school, file["url"])
    assert (answer.content, answer.headers["content-type"]) == (document, file["content_type"])
    assert answer.headers["content-disposition"] == 'attachment; filename="lesson.html"'
    assert (await upload(instructor, b"Read me.", "...", kind="file"))["filename"] == "file.txt"
    assert await leftovers(school) == (2, 2, 0)


async def test_refused_file_leaves_nothing(school: School, instructor: Person, leftovers: Leftovers) -> None:
    page = await instructor.post("/upload/file", files=form(b"<html>", "notes.txt"))
    late = await instructor.post("/upload/file", files=form(b"text" * 500_000 + b"\x00", "notes.txt"))
    broken = await instructor.post("/upload/file", files=form(archive("../x", content=b"x" * 2_000_000), "a.zip"))
    for answer in (page, late, broken):
        assert (answer.status_code, answer.json()["code"]) == (415, "media.file_not_accepted")
        assert [each["field"] for each in answer.json()["errors"]] == ["file"]
    assert await leftovers(school) == (0, 0, 0)


async def test_tenant_limits_each_purpose_by_itself(new_school: SchoolFactory) -> None:
    school = await new_school(settings={"media": {"max_file_bytes": 100, "max_image_bytes": 1}})
    person = await school.person("instructor")
    sent = [("video", mp4()), ("file", b"x" * 100), ("file", b"x" * 101), ("image", b"GIF89a")]
    answers = [await person.post(f"/upload/{kind}", files=form(content)) for kind, content in sent]
    assert [answer.status_code for answer in answers] == [201, 201, 413, 413]
