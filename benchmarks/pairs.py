"""Two servers under the same load, measured in turn, so that what disturbs one disturbs the other.

A figure of one of them alone means little on a machine that also does something else; the ratio of neighbours does.
"""

from collections.abc import Callable, Sequence
from itertools import cycle, islice

import msgspec

from benchmarks.load import CONNECTIONS, send
from benchmarks.report import Round
from benchmarks.servers import HOST, Server

Requests = Callable[[int], Sequence[bytes]]
"""Makes so many requests that nobody has sent yet; a code can be redeemed once."""

WARM_UP = 300


class Side(msgspec.Struct, frozen=True):
    """One of the two that are compared: a server and what it is asked."""

    server: Server
    requests: Requests
    calls: int = 1
    """How many requests stand for one of the other side, and are counted as one."""
    connections: int = CONNECTIONS


def repeated(requests: Sequence[bytes]) -> Requests:
    """Return what makes these requests, one after the other and again."""
    endless = cycle(requests)
    return lambda count: list(islice(endless, count))


def measure(
    ours: Side, bare: Side, *, rounds: int, per_round: int, tell: Callable[[str], None], warm_up: int = WARM_UP
) -> list[Round]:
    """Warm both sides up, then measure ours, bare, ours, bare, and so on."""
    tell("warm-up")
    for side in (ours, bare):
        send(HOST, side.server.port, side.requests(warm_up * side.calls), connections=side.connections)
    measured = []
    for number in range(1, rounds + 1):
        tell(f"round {number} of {rounds}")
        ours_per_s, ours_cpu_us = _once(ours, per_round)
        bare_per_s, bare_cpu_us = _once(bare, per_round)
        measured.append(Round(ours_per_s, bare_per_s, ours_cpu_us, bare_cpu_us))
    return measured


def needed(rounds: int, per_round: int) -> int:
    """Return how many requests a measurement takes in all."""
    return 2 * (WARM_UP + rounds * per_round)


def _once(side: Side, count: int) -> tuple[float, float]:
    requests = side.requests(count * side.calls)
    before = side.server.cpu_seconds()
    seconds = send(HOST, side.server.port, requests, connections=side.connections)
    used = side.server.cpu_seconds() - before
    return count / seconds, used / count * 1e6
