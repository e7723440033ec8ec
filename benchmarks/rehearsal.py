"""Proof, before anything is measured, that both servers do the same work: the same answer, the same rows."""

import asyncio
from collections.abc import Mapping
from itertools import takewhile

import asyncpg

from benchmarks.load import answer, send
from benchmarks.pairs import Requests
from benchmarks.servers import HOST, Server
from kernel.settings import Settings

WRITTEN = 20
"""How many writing requests each server gets."""
_ROWS = """
    SELECT (SELECT count(*) FROM codes.code_redemptions)
               + (SELECT coalesce(sum(watched_seconds), 0) / 10 FROM courses.video_progress) AS written,
           (SELECT count(*) FROM codes.redemption_attempts) AS attempts,
           (SELECT sum(current_uses) FROM codes.access_codes) AS uses,
           (SELECT count(*) FROM courses.course_enrollments) AS enrollments,
           (SELECT count(*) FROM courses.video_progress) AS watched,
           (SELECT count(*) FROM kernel.outbox) AS outbox,
           (SELECT count(*) FROM kernel.audit_logs) AS audited
"""


class NotTheSame(Exception):
    """The bare stack does other work than ours, so that a comparison would say nothing."""


def check_same_answer(name: str, ours: Server, bare: Server, requests: Requests) -> None:
    """Ask both servers the same.

    Raises:
        NotTheSame: Their answers differ.
    """
    (request,) = requests(1)
    mine, other = (answer(HOST, server.port, request) for server in (ours, bare))
    if mine != other:
        place = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(mine, other, strict=False))))
        around = slice(max(0, place - 100), place + 100)
        raise NotTheSame(f"{name}: ours answers ...{mine[around]!r}..., the bare stack ...{other[around]!r}...")


def check_same_rows(name: str, settings: Settings, ours: Server, bare: Server, requests: Requests) -> None:
    """Let both servers answer as many requests that write: redeem a code each, or record ten seconds each.

    Raises:
        NotTheSame: They leave different numbers of rows.
    """
    mine, other = (_rows_left(settings, server, requests) for server in (ours, bare))
    if mine != other or mine["written"] != WRITTEN:
        raise NotTheSame(f"{name}: of {WRITTEN} requests ours leaves {mine}, the bare stack {other}")


def _rows_left(settings: Settings, server: Server, requests: Requests) -> Mapping[str, int]:
    before = asyncio.run(_rows(settings.operator_database_url))
    send(HOST, server.port, requests(WRITTEN))
    after = asyncio.run(_rows(settings.operator_database_url))
    return {name: after[name] - before[name] for name in after}


async def _rows(operator_url: str) -> dict[str, int]:
    connection = await asyncpg.connect(operator_url.replace("+asyncpg", ""))
    try:
        (row,) = await connection.fetch(_ROWS)
        return {name: int(value or 0) for name, value in row.items()}
    finally:
        await connection.close()
