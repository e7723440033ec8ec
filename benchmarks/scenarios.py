"""The scenarios that compare two servers: what is asked of both, how often, and what share ours must reach."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from benchmarks.cores import Cores
from benchmarks.material import prepare
from benchmarks.pairs import Side, measure, needed
from benchmarks.rehearsal import WRITTEN, check_same_answer, check_same_rows
from benchmarks.report import Finding, compared
from benchmarks.servers import Server, Start, environment_of, free_port, running, serve_words
from kernel.settings import Settings


class Scenario(msgspec.Struct, frozen=True):
    """A request that ours and the bare stack both answer.

    Args:
        name: On the command line and in the table.
        target: The least share of the bare stack's throughput.
        per_round: How many requests each server gets in a round.
        against: The scenario whose requests the bare stack gets, where they are others.
    """

    name: str
    target: float
    per_round: int
    against: str = ""


SCENARIOS = (
    Scenario("courses", 2.0, 1500),
    Scenario("catalogue", 0.25, 400, against="courses"),
    Scenario("curriculum", 0.6, 400),
    Scenario("progress", 0.5, 800),
    Scenario("redeem", 0.5, 500),
    Scenario("me", 0.6, 1500),
    Scenario("health", 0.8, 2000),
)


def compare(
    settings: Settings,
    folder: Path,
    cores: Cores,
    chosen: Sequence[Scenario],
    *,
    rounds: int,
    tell: Callable[[str], None],
) -> Iterator[Finding]:
    """Start both servers, see that they do the same, measure each scenario and end them."""
    names, tapes = [each.name for each in chosen], folder / "tapes"
    requests = prepare(
        settings,
        tapes,
        signed_in=names != ["health"],
        redeemed=sum(needed(rounds, each.per_round) + 2 * WRITTEN for each in chosen if each.name == "redeem"),
        tell=tell,
    )
    tell("Starting both servers")
    with both(settings, folder, tapes, cores.server) as (ours, bare):
        for name in ("courses", "curriculum", "me"):
            if name in names:
                check_same_answer(name, ours, bare, requests[name])
        for name in ("progress", "redeem"):
            if name in names:
                check_same_rows(name, settings, ours, bare, requests[name])
        for each in chosen:
            yield compared(
                each.name,
                measure(
                    Side(ours, requests[each.name]),
                    Side(bare, requests[each.against or each.name]),
                    rounds=rounds,
                    per_round=each.per_round,
                    tell=partial(_tell_of, tell, each.name),
                ),
                target=each.target,
            )


@contextmanager
def both(settings: Settings, folder: Path, tapes: Path, cores: frozenset[int]) -> Iterator[tuple[Server, Server]]:
    """Run ours and the bare stack for as long as the block lasts."""
    port, bare_port = free_port(), free_port()
    environment = environment_of(settings)
    words = ["-m", "benchmarks.bare", str(bare_port), str(tapes)]
    with (
        running(Start(serve_words(port), environment, folder / "ours.log", cores), port) as ours,
        running(Start(words, environment, folder / "bare.log", cores, "/health/live"), bare_port) as bare,
    ):
        yield ours, bare


def _tell_of(tell: Callable[[str], None], name: str, text: str) -> None:
    tell(f"{name}: {text}")
