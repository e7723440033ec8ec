"""How many people sign in a second, against a process that does nothing but hash; what the others feel of it.

Both sides of the first comparison hash at the same cost and priority on every core, so what differs is everything else
that a sign-in does. What the others feel is the 99th percentile of `GET /users/me`, with and without the flood.
"""

import asyncio
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from itertools import cycle, islice, takewhile
from pathlib import Path

import bcrypt
import msgspec

from benchmarks.cores import Cores, pin
from benchmarks.load import latencies, request_bytes, send
from benchmarks.report import Finding, Round, compared, spread, weighed
from benchmarks.servers import HOST, Server, Start, environment_of, free_port, running, serve_words
from kernel.app import create_app, opened, served
from kernel.settings import Settings
from kernel.testing import PASSWORD, make_school
from plugins.auth.hashing_threads import stand_behind

NAMES = ("logins", "flood")
LEAST_SHARE = 0.85
MOST_SLOWER = 2.0
CLIENTS = 8
_COST = 12
_LOGINS = 24
_ANSWERS = 2400
_CONNECTIONS = 4
_PERCENTILE = 0.99


class Material(msgspec.Struct, frozen=True):
    """Requests that are ready to send: a sign-in of each client, and the own account of one who is signed in."""

    logins: Sequence[bytes]
    me: bytes


def sign_ins(
    settings: Settings, folder: Path, cores: Cores, *, rounds: int, tell: Callable[[str], None]
) -> Iterator[Finding]:
    """Make the people, start a server on every core, and yield both findings."""
    tell("logins: making the people")
    settings = msgspec.structs.replace(settings, password_hash_cost=_COST)
    material = asyncio.run(_material(settings))
    port = free_port()
    start = Start(serve_words(port), environment_of(settings), folder / "logins.log", cores.every)
    with running(start, port) as server:
        measured = []
        for number in range(1, rounds + 1):
            tell(f"logins: round {number} of {rounds}")
            measured.append(_logins(server, material, cores))
        yield compared("logins", measured, target=LEAST_SHARE)
        quiet, flooded = [], []
        for number in range(1, rounds + 1):
            tell(f"flood: round {number} of {rounds}")
            quiet.append(_slowest_ms(server, material))
            with _flood(server, material):
                flooded.append(_slowest_ms(server, material))
    slower = spread(many / few for few, many in zip(quiet, flooded, strict=True)).median
    note = f" ({statistics.median(quiet):.1f} to {statistics.median(flooded):.1f} ms)"
    yield weighed("flood", slower, most=MOST_SLOWER, unit="times", note=note)


async def _material(settings: Settings) -> Material:
    async with opened(settings) as deployment, AsyncExitStack() as stack:
        school = await make_school(deployment, served(create_app(deployment)), stack)
        people = [await school.person("student") for _ in range(CLIENTS)]
        logins = [
            request_bytes(
                "POST",
                "/api/v1/auth/login",
                host=school.host,
                body=msgspec.json.encode({"email": each.email, "password": PASSWORD}),
            )
            for each in people
        ]
        token = people[0].client.headers["Authorization"].removeprefix("Bearer ")
        return Material(logins, request_bytes("GET", "/api/v1/users/me", host=school.host, token=token))


def _logins(server: Server, material: Material, cores: Cores) -> Round:
    """Let the clients sign in, then hash as often with nothing else to do."""
    before = server.cpu_seconds()
    seconds = send(HOST, server.port, list(islice(cycle(material.logins), _LOGINS)), connections=CLIENTS)
    used = server.cpu_seconds() - before
    bare_seconds, bare_used = _hash_alone(cores)
    return Round(_LOGINS / seconds, _LOGINS / bare_seconds, used / _LOGINS * 1e6, bare_used / _LOGINS * 1e6)


def _hash_alone(cores: Cores) -> tuple[float, float]:
    """Hash as often as people sign in, and return the seconds and the processor time that it took."""
    salt, work = bcrypt.gensalt(_COST), os.urandom(32).hex().encode()
    pin(0, cores.every)
    try:
        with ThreadPoolExecutor(len(cores.every), initializer=stand_behind) as threads:
            began, used = time.perf_counter(), time.process_time()
            list(threads.map(lambda _: bcrypt.hashpw(work, salt), range(_LOGINS)))
            return time.perf_counter() - began, time.process_time() - used
    finally:
        pin(0, cores.rest)


def _slowest_ms(server: Server, material: Material) -> float:
    took = sorted(latencies(HOST, server.port, [material.me] * _ANSWERS, connections=_CONNECTIONS))
    return took[int(len(took) * _PERCENTILE)] * 1e3


@contextmanager
def _flood(server: Server, material: Material) -> Iterator[None]:
    """Let the clients sign in while the block lasts, each again as soon as it is in."""
    over = threading.Event()
    without_end = takewhile(lambda _: not over.is_set(), cycle(material.logins))
    with ThreadPoolExecutor(1) as thread:
        flooding = thread.submit(send, HOST, server.port, without_end, connections=CLIENTS)
        try:
            yield
        finally:
            over.set()
        flooding.result()
