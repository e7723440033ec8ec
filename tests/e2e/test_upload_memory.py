"""What a large file costs a server process: hardly any memory, whichever way it comes and goes."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from kernel.testing import App, AppFactory, Person, School, SchoolFactory
from tests.e2e.conftest import COLLEGIUM, START_BOUND_S, free_port
from tests.plugins.media.conftest import mp4
from tests.plugins.media.test_media_resuming import begun
from tests.s3 import S3Server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="peaks are told by /proc")
MEBIBYTE = 1024 * 1024
MOST_MORE = 64 * MEBIBYTE
SIZES = [
    pytest.param(96 * MEBIBYTE, id="96MiB"),
    pytest.param(2048 * MEBIBYTE, id="2GiB", marks=pytest.mark.nightly),
]
HEAD, FILLER = mp4(1000), bytes(MEBIBYTE)
SMALL = 5 * MEBIBYTE
BOUNDARY = b"a-boundary"
BEFORE = b'--%s\r\nContent-Disposition: form-data; name="file"; filename="long.mp4"\r\n\r\n' % BOUNDARY
AFTER = b"\r\n--%s--\r\n" % BOUNDARY


class Process:
    """A server process, which tells how much memory it has held at most."""

    def __init__(self, pid: int, address: str) -> None:
        self.address = address
        self._folder = Path(f"/proc/{pid}")

    def forget_peak(self) -> int:
        """Let the peak begin anew, and return what is held now, in bytes."""
        (self._folder / "clear_refs").write_text("5")
        return self._told("VmRSS")

    def peak(self) -> int:
        """Return the most that was held since, in bytes."""
        return self._told("VmHWM")

    def _told(self, name: str) -> int:
        [line] = [each for each in (self._folder / "status").read_text().splitlines() if each.startswith(f"{name}:")]
        return int(line.split()[1]) * 1024


@contextmanager
def serving(app: App, log: Path) -> Iterator[Process]:
    """Run a server of the deployment without background work for as long as the block lasts."""
    port = free_port()
    environment = {**os.environ, **app.deployment.settings.environment(), "COLLEGIUM_EMBEDDED_WORKER": "false"}
    with log.open("wb") as output:
        server = subprocess.Popen([*COLLEGIUM, "serve", "--port", str(port)], env=environment, stdout=output)
    try:
        address = f"http://127.0.0.1:{port}"
        end = time.monotonic() + START_BOUND_S
        while not _answers(f"{address}/health/ready"):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < end
            time.sleep(0.05)
        yield Process(server.pid, address)
    finally:
        server.terminate()
        server.wait(START_BOUND_S)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def video(size: int) -> Iterator[bytes]:
    """Make a file of so many bytes that begins as a video does, a piece at a time."""
    yield HEAD
    size -= len(HEAD)
    while size:
        piece = FILLER[:size]
        yield piece
        size -= len(piece)


async def sent(process: Process, request: str, headers: dict[str, str], parts: Iterator[bytes]) -> bytes:
    """Send a request whose body is made on the way, and return the answer whole."""
    where = urlsplit(process.address)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers | {"Connection": "close"}).items())
    writer.write(f"{request} HTTP/1.1\r\n{lines}\r\n".encode())
    for part in parts:
        writer.write(part)
        await writer.drain()
    answer = await reader.read()
    writer.close()
    return answer


async def by_form(process: Process, school: School, person: Person, size: int) -> None:
    """Upload a video of this size by a form."""

    def body() -> Iterator[bytes]:
        yield BEFORE
        yield from video(size)
        yield AFTER

    headers = credentials(school, person) | {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}",
        "Content-Length": str(size + len(BEFORE) + len(AFTER)),
    }
    answer = await sent(process, "POST /api/v1/upload/video", headers, body())
    assert answer.startswith(b"HTTP/1.1 201"), answer[:1000]


async def by_tus(process: Process, school: School, person: Person, size: int) -> None:
    """Upload a video of this size by the tus protocol, in one go."""
    headers = credentials(school, person) | {
        "Tus-Resumable": "1.0.0",
        "Content-Type": "application/offset+octet-stream",
        "Upload-Offset": "0",
        "Content-Length": str(size),
    }
    path = f"/api/v1{await begun(person, size)}"
    answer = await sent(process, f"PATCH {path}", headers, video(size))
    assert answer.startswith(b"HTTP/1.1 204"), answer[:1000]


def credentials(school: School, person: Person) -> dict[str, str]:
    """Return the headers of somebody's request."""
    return {"Host": school.host, "Authorization": str(person.client.headers["Authorization"])}


async def read_back(process: Process, school: School, person: Person, size: int) -> None:
    """Read a file of this size whole, and its second half, and keep none of it."""
    files = (await person.get("/files")).json()["items"]
    url = next(file["url"] for file in files if file["size"] == size)
    async with httpx.AsyncClient(headers=credentials(school, person), timeout=300) as client:
        for start in (0, size // 2):
            wanted = {"Range": f"bytes={start}-"}
            async with client.stream("GET", process.address + url, headers=wanted) as answer:
                received = sum([len(chunk) async for chunk in answer.aiter_raw()])
            assert (answer.status_code, received) == (206, size - start)


async def _check(process: Process, school: School, size: int) -> None:
    instructor = await school.person("instructor")
    grew = {}
    for way in (by_form, by_tus, read_back):
        await way(process, school, instructor, SMALL)  # what is loaded at the first time is no part of it
        before = process.forget_peak()
        await way(process, school, instructor, size)
        grew[way.__name__] = (process.peak() - before) / MEBIBYTE
    print(f"{size // MEBIBYTE} MiB sent, so many MiB more held:", grew)
    assert max(grew.values()) * MEBIBYTE < MOST_MORE, grew


@pytest.mark.parametrize("size", SIZES)
async def test_a_large_video_takes_no_memory(app: App, new_school: SchoolFactory, tmp_path: Path, size: int) -> None:
    with serving(app, tmp_path / "log") as process:
        await _check(process, await new_school(), size)


@pytest.mark.nightly
async def test_a_large_video_takes_no_memory_on_its_way_to_a_bucket(
    app_with: AppFactory, s3_server: S3Server, tmp_path: Path
) -> None:
    app = await app_with("media", storage_url=s3_server.new_url(), storage_redirect=False)
    with serving(app, tmp_path / "log") as process:
        await _check(process, await app.school(), 512 * MEBIBYTE)
