"""What a school that watches costs: the processor time for what players report, at the pace at which they do.

500 students, each over a connection of their own, report every ten seconds, which is 50 reports a second. Counted is
all that the server process, PostgreSQL with every process of its own, and Valkey use meanwhile, as a share of one
core; the load is not. Between two reports a core sleeps and forgets what it had in its caches, so that what is sent at
that pace costs about twice as much as when it is sent as fast as it goes. Both stand there, ours beside the bare stack
in the same run, and what the server uses while nobody reports anything.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean

import msgspec
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
_ROUNDS = 2


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
            before = _used(server)
            send(HOST, server.port, requests(count))
            at_once.append(_Share.of(before, _used(server)))
        for _ in range(_ROUNDS):
            for server in (ours, bare):
                tell(f"beacons: {STUDENTS} students for {_SECONDS} s")
                paced.append(asyncio.run(_paced(server, requests(STUDENTS), requests(count), per_second)))
        tell(f"beacons: nobody for {_SECONDS} s")
        before = _used(ours)
        time.sleep(_SECONDS)
        idle = _Share.of(before, _used(ours))
    mine, other = _Share.middle(paced[::2]), _Share.middle(paced[1::2])
    note = f" of a core ({mine})\nbare {other.whole:.1f} ({other})\nas fast as it goes {at_once[0].whole:.1f}, "
    note += f"bare {at_once[1].whole:.1f}\nidle {idle.whole:.2f}"
    return weighed("beacons", mine.whole, most=MOST_PERCENT, unit="%", note=note)


class _Share(msgspec.Struct, frozen=True):
    """Which share of a core each part needs for what comes in `_SECONDS`; of two moments, the seconds used so far."""

    server: float
    postgresql: float
    valkey: float

    @property
    def whole(self) -> float:
        """All of them together."""
        return self.server + self.postgresql + self.valkey

    def __str__(self) -> str:
        """Return the parts."""
        return f"server {self.server:.1f}, PostgreSQL {self.postgresql:.1f}, Valkey {self.valkey:.1f}"

    @classmethod
    def of(cls, before: "_Share", after: "_Share") -> "_Share":
        """Return the percentages between two moments."""
        pairs = zip(msgspec.structs.astuple(before), msgspec.structs.astuple(after), strict=True)
        return cls(*((now - then) / _SECONDS * 100 for then, now in pairs))

    @classmethod
    def middle(cls, rounds: Sequence["_Share"]) -> "_Share":
        """Return the mean of some rounds."""
        return cls(*(fmean(each) for each in zip(*map(msgspec.structs.astuple, rounds), strict=True)))


def _used(server: Server) -> _Share:
    """Return the processor seconds that the server, PostgreSQL with all of its processes, and Valkey have used."""
    used = {"postgres": 0.0, "valkey-server": 0.0}
    for each in psutil.Process().children(recursive=True):
        if (name := each.name()) in used:
            used[name] += _seconds(each)
    return _Share(_seconds(psutil.Process(server.pid)), *used.values())


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


async def _paced(server: Server, first: Sequence[bytes], requests: Sequence[bytes], per_second: int) -> _Share:
    """Send so many requests a second, each when its moment comes and over the connection of its student.

    Args:
        server: To whom.
        first: One of each student, which opens their connections and is not counted.
        requests: Those that are.
        per_second: How many.
    """
    loop, players = asyncio.get_running_loop(), [_Player(server.port) for _ in first]

    async def lap(those: Sequence[bytes]) -> None:
        began = loop.time()

        async def report(number: int, request: bytes) -> None:
            await asyncio.sleep(began + number / per_second - loop.time())
            await players[number % len(players)].ask(request)

        await asyncio.gather(*(report(*each) for each in enumerate(those)))

    await lap(first)
    before = _used(server)
    await lap(requests)
    share = _Share.of(before, _used(server))
    for each in players:
        await each.close()
    return share


class _Player:
    """A student's connection; the next report waits for the answer to the last."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._turn = asyncio.Lock()

    async def ask(self, request: bytes) -> None:
        async with self._turn:
            if self._connection is None:
                self._connection = await asyncio.open_connection(HOST, self._port)
            reader, writer = self._connection
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head[9:12] == b"200", head
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.partition(b":")[2]))

    async def close(self) -> None:
        if self._connection is not None:
            self._connection[1].close()
            await self._connection[1].wait_closed()
