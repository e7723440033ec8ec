"""Two servers under the same load, measured in turn, so that what disturbs one disturbs the other.

A figure of one of them alone means little on a machine that also does something else; the ratio of neighbours does.
"""

from collections.abc import Callable, Sequence
from itertools import cycle, islice

import msgspec

from benchmarks.load import send
from benchmarks.report import Round
from benchmarks.servers import HOST, Server

Requests = Callable[[int], Sequence[bytes]]
"""Makes so many requests that nobody has sent yet; a code can be redeemed once."""

WARM_UP = 300


class Side(msgspec.Struct, frozen=True):
    """One of the two that are compared: a server and what it is asked."""

    server: Server
    requests: Requests


def repeated(requests: Sequence[bytes]) -> Requests:
    """Return what makes these requests, one after the other and again."""
    endless = cycle(requests)
    return lambda count: list(islice(endless, count))


def measure(ours: Side, bare: Side, *, rounds: int, per_round: int, tell: Callable[[str], None]) -> list[Round]:
    """Warm both sides up, then measure ours, bare, ours, bare, and so on."""
    tell("warm-up")
    for side in (ours, bare):
        send(HOST, side.server.port, side.requests(WARM_UP))
    measured = []
    for number in range(1, rounds + 1):
        tell(f"round {number} of {rounds}")
        ours_per_s, ours_cpu_us = _once(ours.server, ours.requests(per_round))
        bare_per_s, bare_cpu_us = _once(bare.server, bare.requests(per_round))
        measured.append(Round(ours_per_s, bare_per_s, ours_cpu_us, bare_cpu_us))
    return measured


def needed(rounds: int, per_round: int) -> int:
    """Return how many requests a measurement takes in all."""
    return 2 * (WARM_UP + rounds * per_round)


def _once(server: Server, requests: Sequence[bytes]) -> tuple[float, float]:
    before = server.cpu_seconds()
    seconds = send(HOST, server.port, requests)
    used = server.cpu_seconds() - before
    return len(requests) / seconds, used / len(requests) * 1e6
