"""Small real videos for tests, and what a player does with the addresses of one."""

import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from imageio_ffmpeg import get_ffmpeg_exe

from kernel.auth import Actor
from kernel.testing import Person, School
from plugins.media import api as media
from tests.plugins.media.conftest import read

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "32k")
VP8 = ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-b:a", "32k")
FASTSTART = ("-movflags", "+faststart")
_FACTS = re.compile(r"^#(\w+) (\d): (.+)$", re.MULTILINE)


@cache
def film(
    *coding: str, size: str = "160x120", seconds: float = 2, rate: int = 25, sound: bool = True, ending: str = "mp4"
) -> bytes:
    """Return a video of moving shapes, with a tone."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"film.{ending}"
        pictures = ("-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d={seconds}")
        tone = ("-f", "lavfi", "-i", f"sine=d={seconds}") if sound else ()
        command = [get_ffmpeg_exe(), "-v", "error", "-y", *pictures, *tone, *(coding or (*H264, *FASTSTART)), str(made)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return made.read_bytes()


def facts(content: bytes, *arguments: str) -> dict[str, str]:
    """Return what ffmpeg says of a video, by name and number of the stream: `dimensions 0`, `codec_id 1`."""
    command = [get_ffmpeg_exe(), "-v", "error", "-i", "pipe:0", "-c", "copy", *arguments, "-f", "framecrc", "pipe:1"]
    told = subprocess.run(command, input=content, check=True, capture_output=True, timeout=60).stdout.decode()
    return {f"{name} {number}": value.strip() for name, number, value in _FACTS.findall(told)}


async def playback(school: School, person: Person, file: dict[str, Any]) -> media.Playback:
    """Return where the owner of an uploaded file watches it."""
    session = UUID(hex=parse_qs(urlsplit(file["url"]).query)["s"][0])
    actor = Actor(school.id, person.id, person.role, session_id=session)
    async with school.db(person.id) as db:
        return await media.video_playback(db, actor, UUID(file["id"]))


async def lines(person: Person, school: School, url: str) -> list[str]:
    """Return a playlist."""
    answer = await read(person, school, url)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert answer.headers["cache-control"] == "private, no-store"
    text = answer.text.splitlines()
    assert (text[0], answer.text[-1]) == ("#EXTM3U", "\n")
    return text


async def watched(person: Person, school: School, playlist: list[str]) -> bytes:
    """Return what a player shows of a variant: its segments, each decrypted by itself."""
    key_url = next(re.search('URI="(.+)"', line)[1] for line in playlist if line.startswith("#EXT-X-KEY"))  # type: ignore[index]
    key = (await read(person, school, key_url)).content
    shown = b""
    spans = [line.partition(":")[2] for line in playlist if line.startswith("#EXT-X-BYTERANGE")]
    urls = [line for line in playlist if line.startswith("/media/")]
    for number, (span, url) in enumerate(zip(spans, urls, strict=True)):
        size, start = (int(each) for each in span.split("@"))
        part = await read(person, school, url, Range=f"bytes={start}-{start + size - 1}")
        assert (part.status_code, part.headers["content-type"]) == (206, "video/mp2t")
        decryptor = Cipher(AES(key), CBC(number.to_bytes(16))).decryptor()
        unpadder = PKCS7(128).unpadder()
        segment = unpadder.update(decryptor.update(part.content) + decryptor.finalize()) + unpadder.finalize()
        assert segment[:1] == b"G"
        assert part.content[:1] != b"G" or part.content[188:189] != b"G"
        shown += segment
    return shown
