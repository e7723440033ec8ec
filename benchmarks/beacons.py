"""What a school that watches costs: the processor time of server and database while players report at their usual pace.

500 students report every ten seconds, which is 50 reports a second, evenly, over 50 connections that stay open. What
the processes do without them, such as looking after themselves, counts too.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

from benchmarks.cores import Cores
from benchmarks.lab import running_lab
from benchmarks.load import send
from benchmarks.material import BEACON_S, prepare
from benchmarks.report import Finding, weighed
from benchmarks.servers import HOST, Server, Start, environment_of, free_port, running, serve_words
from kernel.settings import Settings

NAMES = ("beacons",)
STUDENTS = 500
MOST_PERCENT = 10.0
_SECONDS = 20
_WARM_UP = 300
_CONNECTIONS = 50


def watching_school(folder: Path, cores: Cores, *, tell: Callable[[str], None]) -> Iterator[Finding]:
    """Start a stack and a server, let the students watch for a while, and yield what they cost."""
    (folder / "beacons").mkdir()
    with running_lab(folder / "beacons", tell) as settings:
        yield _cost(settings, folder / "beacons", cores, tell)


def _cost(settings: Settings, folder: Path, cores: Cores, tell: Callable[[str], None]) -> Finding:
    requests = prepare(settings, folder / "tapes", signed_in=True, redeemed=0, tell=tell)["progress"]
    port = free_port()
    start = Start(serve_words(port), environment_of(settings), folder / "log", cores.server)
    with running(start, port) as server:
        send(HOST, port, requests(_WARM_UP))
        tell(f"beacons: {STUDENTS} students for {_SECONDS} s")
        per_second = STUDENTS // BEACON_S
        before, began = _used(server), time.perf_counter()
        asyncio.run(_paced(port, requests(per_second * _SECONDS), per_second))
        seconds = time.perf_counter() - began
        ours, database = (now - then for now, then in zip(_used(server), before, strict=True))
    percent = (ours + database) / seconds * 100
    note = f" of a core (PostgreSQL {database / seconds * 100:.1f})"
    return weighed("beacons", percent, most=MOST_PERCENT, unit="%", note=note)


def _used(server: Server) -> tuple[float, float]:
    """Return the processor seconds that the server, and that PostgreSQL with all of its processes have used."""
    database = 0.0
    for process in psutil.Process().children(recursive=True):
        if process.name() == "postgres":
            times = process.cpu_times()
            # Of a process that has ended its parent keeps the account.
            database += times.user + times.system + times.children_user + times.children_system
    return server.cpu_seconds(), database


async def _paced(port: int, requests: Sequence[bytes], per_second: int) -> None:
    """Send so many requests a second, each when its moment comes, over connections that stay open."""
    loop = asyncio.get_running_loop()
    waiting, began = iter(enumerate(requests)), loop.time()

    async def player() -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        for number, request in waiting:
            await asyncio.sleep(began + number / per_second - loop.time())
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head[9:12] == b"200", head
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.partition(b":")[2]))
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(player() for _ in range(_CONNECTIONS)))
