"""An upload that breaks off at one process of the server goes on at another, over real connections."""

import asyncio
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from kernel.testing import Person, School
from tests.e2e.test_conformance import addresses, app, environment, installed_sample
from tests.node import MODULES, NODE
from tests.plugins.media.conftest import mp4
from tests.plugins.media.test_media_resuming import begun

__all__ = ["addresses", "app", "environment", "installed_sample"]

CONTENT = mp4(40_000_000)
BROKEN_AT = 25_000_000
PATIENCE_S = 30
CLIENT = Path(__file__).with_name("tus_client.mjs")


async def test_upload_that_breaks_off_at_one_process_goes_on_at_another(
    school: School, instructor: Person, addresses: list[str]
) -> None:
    first, second = addresses
    path = f"/api/v1{await begun(instructor, len(CONTENT))}"
    headers = {
        "Host": school.host,
        "Authorization": instructor.client.headers["Authorization"],
        "Tus-Resumable": "1.0.0",
        "Content-Type": "application/offset+octet-stream",
    }
    await _break_off(first, path, {**headers, "Upload-Offset": "0", "Content-Length": str(len(CONTENT))})
    async with httpx.AsyncClient(headers=headers, timeout=PATIENCE_S) as client:
        async with asyncio.timeout(PATIENCE_S):
            # The first process may still be putting away what has come.
            while int((await client.head(second + path)).headers["upload-offset"]) < BROKEN_AT:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.05)
            while True:
                rest = await client.patch(
                    second + path, content=CONTENT[BROKEN_AT:], headers={"Upload-Offset": str(BROKEN_AT)}
                )
                if rest.status_code != 423:
                    break
                await asyncio.sleep(0.05)
        assert (rest.status_code, rest.headers["upload-offset"]) == (204, str(len(CONTENT)))
        file = (await client.get(first + path)).json()["file"]
        assert file["size"] == len(CONTENT)
        assert (await client.get(first + file["url"])).content == CONTENT


async def test_tus_js_client_is_understood(
    school: School, instructor: Person, addresses: list[str], tmp_path: Path
) -> None:
    lesson = tmp_path / "lesson.mp4"
    lesson.write_bytes(CONTENT[:10_000_000])
    first, second = (f"{address}/api/v1/upload/tus" for address in addresses)
    authorization = instructor.client.headers["Authorization"]
    command: list[str | Path] = [NODE, CLIENT, MODULES, first, second, school.host, authorization, lesson]
    client = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said, _ = await asyncio.wait_for(client.communicate(), 2 * PATIENCE_S)
    assert client.returncode == 0
    file = (await instructor.get(urlsplit(said.decode().strip()).path.removeprefix("/api/v1"))).json()["file"]
    assert (file["filename"], file["sha256"]) == ("lesson.mp4", sha256(lesson.read_bytes()).hexdigest())


async def _break_off(address: str, path: str, headers: dict[str, str]) -> None:
    """Send a part of what the headers announce, and hang up."""
    parts = urlsplit(address)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"PATCH {path} HTTP/1.1\r\n{head}\r\n".encode())
    writer.write(CONTENT[:BROKEN_AT])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
