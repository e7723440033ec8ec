"""What a file is, told by its first bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.media.rules.inspecting import HEAD_BYTES, extension
from plugins.media.rules.videos import video_type
from tests.plugins.media.conftest import mp4

EBML = b"\x1a\x45\xdf\xa3"
WEBM = EBML + b"\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm\x42\x87\x81\x04"
MATROSKA = EBML + b"\x01\x00\x00\x00\x00\x00\x00\x14\x42\x86\x81\x01\x42\x82\x88matroska\x42\x87\x81\x04"


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (mp4(), "video/mp4"),
        (mp4(major=b"mp42", brands=b"mp42isom"), "video/mp4"),
        (mp4(major=b"XAVC", brands=b"XAVCmp42iso2"), "video/mp4"),
        (mp4(major=b"dash", brands=b""), "video/mp4"),
        (mp4(major=b"M4V ", brands=b"M4V isom"), "video/mp4"),
        (mp4(major=b"qt  ", brands=b"qt  "), "video/quicktime"),
        (WEBM, "video/webm"),
        (MATROSKA, "video/x-matroska"),
    ],
)
def test_videos_are_known(head: bytes, content_type: str) -> None:
    assert video_type(head) == content_type
    assert extension(content_type) in {"mp4", "mov", "webm", "mkv"}


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\x00\x00",
        b"<!doctype html><script>alert(1)</script>",
        b"    ftypisom",
        b"#EXTM3U\n#EXT-X-VERSION:3\nfile:///etc/passwd\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"RIFF\x00\x00\x00\x00AVI LIST",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        mp4(major=b"M4A ", brands=b"M4A mp42isom"),
        mp4(major=b"heic", brands=b"mif1heicisom"),
        mp4(major=b"avif", brands=b"avifmif1iso8"),
        mp4(major=b"nope", brands=b"nope"),
        (12).to_bytes(4) + b"ftypisom",
        (18).to_bytes(4) + b"ftypisom" + bytes(20),
        (9000).to_bytes(4) + b"ftypisom" + b"isom" * 1000,
        (1).to_bytes(4) + b"ftypisom" + b"isom" * 10,
        EBML,
        EBML + b"\x00",
        EBML + b"\x84\x42\x82\x84",
        EBML + b"\x9f\x42\x82\x84docx",
        EBML + b"\x9f\xec\x90" + bytes(16),
        WEBM[:26],
    ],
)
def test_everything_else_is_no_video(head: bytes) -> None:
    assert video_type(head) is None


@given(st.binary(max_size=64).map(lambda tail: EBML + tail) | st.binary(max_size=HEAD_BYTES))
def test_any_bytes_are_answered(head: bytes) -> None:
    assert video_type(head) in {None, "video/mp4", "video/quicktime", "video/webm", "video/x-matroska"}
