"""What a school that watches costs: the processor time of server and database for what players report.

500 students report every ten seconds, which is 50 reports a second. Their work is weighed twice: sent as fast as it
goes, which is what decides, and one by one at that pace. Between two of them a core sleeps and forgets what it had in
its caches, so that each takes about twice as long. How much of that is the bare stack's own, and what the server uses
while nobody reports anything, stands beside it.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import psutil

from benchmarks.cores import Cores
from benchmarks.lab import running_lab
from benchmarks.load import send
from benchmarks.material import BEACON_S, prepare
from benchmarks.report import Finding, weighed
from benchmarks.scenarios import both
from benchmarks.servers import HOST, Server
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
    tapes = folder / "tapes"
    requests = prepare(settings, tapes, signed_in=True, redeemed=0, tell=tell)["progress"]
    per_second = STUDENTS // BEACON_S
    count = per_second * _SECONDS
    with both(settings, folder, tapes, cores.server) as (ours, bare):
        at_once, paced = [], []
        for server in (ours, bare):
            send(HOST, server.port, requests(_WARM_UP))
            tell(f"beacons: what {STUDENTS} students report in {_SECONDS} s")
            sending = partial(send, HOST, server.port, requests(count), connections=_CONNECTIONS)
            at_once.append(_percent(server, sending))
            tell(f"beacons: {STUDENTS} students for {_SECONDS} s")
            paced.append(_percent(server, lambda: asyncio.run(_paced(server.port, requests(count), per_second))))  # noqa: B023
        tell(f"beacons: nobody for {_SECONDS} s")
        idle = _percent(ours, lambda: time.sleep(_SECONDS))
    note = f" of a core ({_parts(at_once[0])}; bare {_parts(at_once[1])})\none by one {sum(paced[0]):.1f} "
    note += f"({_parts(paced[0])}; bare {_parts(paced[1])})\nidle {sum(idle):.2f}"
    return weighed("beacons", sum(at_once[0]), most=MOST_PERCENT, unit="%", note=note)


def _parts(percent: tuple[float, float]) -> str:
    return f"{percent[0]:.1f} + PostgreSQL {percent[1]:.1f}"


def _percent(server: Server, do: Callable[[], object]) -> tuple[float, float]:
    """Return which share of a core server and PostgreSQL need for what comes in so many seconds."""
    before = _used(server)
    do()
    ours, database = (now - then for now, then in zip(_used(server), before, strict=True))
    return ours / _SECONDS * 100, database / _SECONDS * 100


def _used(server: Server) -> tuple[float, float]:
    """Return the processor seconds that the server, and that PostgreSQL with all of its processes have used."""
    processes = psutil.Process().children(recursive=True)
    database = sum(_seconds(each) for each in processes if each.name() == "postgres")
    return _seconds(psutil.Process(server.pid)), database


def _seconds(process: psutil.Process) -> float:
    """Return what a process has used, to the nanosecond where Linux tells.

    The usual account is kept by ticks of 4 or 10 ms, by which work of less than a millisecond is guessed.
    """
    try:
        told = [path.read_text() for path in Path(f"/proc/{process.pid}/task").glob("*/schedstat")]
    except OSError:
        told = []
    if told:
        return sum(int(each.split()[0]) for each in told) / 1e9
    times = process.cpu_times()
    return float(times.user + times.system)


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
