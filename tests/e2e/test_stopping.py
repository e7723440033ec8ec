"""SIGTERM under load: what has begun is answered whole, by one process or by two; and limits hold over processes."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
import pytest

from kernel.serve import DEMO_PASSWORD
from tests.e2e.conftest import Server, StartServer
from tests.kernel.probe.background import until

KEY = "a key for tests only long enough for that 0123456789"
GET = b"GET /health/ready HTTP/1.1\r\nhost: a\r\n"


class Outcome(NamedTuple):
    """What became of a request, and whether the server had been told to stop when its connection was made."""

    late: bool
    answer: bytes

    @property
    def is_whole(self) -> bool:
        """Whether the whole answer came."""
        head, _, body = self.answer.partition(b"\r\n\r\n")
        length = next(
            (line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), b"-1"
        )
        return self.answer.startswith(b"HTTP/1.1 200 ") and int(length) == len(body)


async def _ask(server: Server, stopping: Callable[[], bool], head: bytes) -> Outcome | None:
    """Make one request on a connection of its own; None if nobody listens any more."""
    late = stopping()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    except OSError:
        return None
    try:
        writer.write(head + b"connection: close\r\n\r\n")
        return Outcome(late, await reader.read())
    except OSError:
        return Outcome(late, b"")
    finally:
        writer.close()


async def test_limits_hold_over_two_processes_and_a_stop_cuts_no_request(start_server: StartServer) -> None:
    server = await asyncio.to_thread(lambda: start_server("--demo", "--workers", "2").wait())
    await _check_limits(server)
    await _check_stop(server)


@pytest.mark.nightly
async def test_a_stop_of_a_single_process_cuts_no_request(start_server: StartServer) -> None:
    environment = {"COLLEGIUM_SECRET_KEYS": KEY}
    await _check_stop(await asyncio.to_thread(lambda: start_server(environment=environment).wait()))


async def _check_stop(server: Server) -> None:
    told = False
    outcomes: list[Outcome] = []

    async def client() -> None:
        while (outcome := await _ask(server, lambda: told, GET)) is not None:
            outcomes.append(outcome)

    # Begun before, and still without its end when the stop comes.
    begun = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(4)]
    for _, writer in begun:
        writer.write(GET)
    clients = [asyncio.create_task(client()) for _ in range(8)]
    await until(lambda: _are(outcomes, 100))
    told = True
    os.kill(server.process.pid, signal.SIGTERM)
    await asyncio.sleep(0.3)
    for _, writer in begun:
        writer.write(b"connection: close\r\n\r\n")
    halves = [Outcome(False, await reader.read()) for reader, _ in begun]
    for _, writer in begun:
        writer.close()
    await asyncio.wait_for(asyncio.gather(*clients), 30)
    assert await asyncio.to_thread(server.process.wait, 30) in (0, 128 + signal.SIGTERM)

    assert all(each.is_whole for each in halves), halves
    assert all(each.is_whole for each in outcomes if not each.late), Counter(each.answer[:40] for each in outcomes)
    assert {each.answer for each in outcomes if not each.is_whole} <= {b""}, "an answer was cut"


async def _are(outcomes: list[Outcome], count: int) -> bool:
    return len(outcomes) >= count


async def _check_limits(server: Server) -> None:
    """Fifty clients at once: five sign-ins a minute, ten uploads, a hundred requests."""
    credentials = {"email": "student@example.com", "password": DEMO_PASSWORD}

    async with httpx.AsyncClient(base_url=f"{server.url}/api/v1", timeout=60) as client:
        signed_in = await client.post("/auth/login", json=credentials)
        token = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
        client.cookies.clear()

    async def crowd(count: int, method: str, path: str, **request: Any) -> int:
        """Return how many of so many requests, each on a connection of its own, get through."""

        async def one() -> httpx.Response:
            async with httpx.AsyncClient(base_url=f"{server.url}/api/v1", timeout=60) as alone:
                return await alone.request(method, path, **request)

        answers = [answer for _ in range(count // 50) for answer in await asyncio.gather(*(one() for _ in range(50)))]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
        assert all("ratelimit-remaining" in answer.headers for answer in answers)
        return len(answers) - len(refused)

    assert await crowd(50, "POST", "/auth/login", json=credentials) == 4, "the first was the sign-in above"
    assert await crowd(50, "POST", "/upload/video", headers=token, files={"file": ("a.mp4", b"no video")}) == 10
    started = time.monotonic()
    through = await crowd(150, "GET", "/users/me", headers=token)
    # The allowance comes back by and by, one request each 0.6 s.
    assert 100 <= through <= 100 + (time.monotonic() - started) / 0.6 + 1
