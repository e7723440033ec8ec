"""`python -m benchmarks`: measure the named scenarios, print the table, end everything that was started."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
from rich.console import Console

from benchmarks import beacons, deliveries, files, growth, pages, sign_ins, tenants
from benchmarks.alone import idle_memory, second_start
from benchmarks.cores import Cores, pin, shared_out
from benchmarks.lab import running_lab
from benchmarks.load import UnexpectedAnswer
from benchmarks.paint import NotPainted
from benchmarks.rehearsal import NotTheSame
from benchmarks.report import WIDTH, Finding, as_json, show
from benchmarks.scenarios import SCENARIOS, Scenario, compare
from benchmarks.servers import ServerFailed
from kernel.embedded import EmbeddedStackError
from kernel.embedded.signals import termination_as_exit

NAMES = (
    *(each.name for each in SCENARIOS),
    *beacons.NAMES,
    *tenants.NAMES,
    *deliveries.NAMES,
    *sign_ins.NAMES,
    *files.NAMES,
    *pages.NAMES,
    *growth.NAMES,
    "memory",
    "start",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and return the exit code: 1 for a missed target if `--strict`, 2 if it could not be measured."""
    options = _parser().parse_args(arguments)
    console, progress = Console(), Console(stderr=True)
    if not console.is_terminal:
        console.width = WIDTH
    findings: list[Finding] = []
    try:
        with (
            termination_as_exit(),
            progress.status("Starting") as status,
            tempfile.TemporaryDirectory(prefix="bench-") as folder,
        ):
            findings.extend(_findings(options, Path(folder), status.update))
    except KeyboardInterrupt:
        return 130
    except (
        EmbeddedStackError,
        deliveries.EventLost,
        NotPainted,
        NotTheSame,
        ServerFailed,
        UnexpectedAnswer,
        ValueError,
    ) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    show(findings, console)
    if options.json is not None:
        options.json.write_bytes(as_json(findings))
    return int(options.strict and not all(each.is_met for each in findings))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure against the bare stack.")
    parser.add_argument("names", nargs="*", choices=[[], *NAMES], metavar="NAME", help=f"of {', '.join(NAMES)}; all")
    parser.add_argument("--rounds", type=int, default=5, help="how often both servers are measured (5)")
    parser.add_argument("--requests", type=int, help="requests to each server in a round")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures of every round there")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a target is missed")
    return parser


def _findings(options: argparse.Namespace, folder: Path, tell: Callable[[str], None]) -> Iterator[Finding]:
    names, cores = options.names or NAMES, shared_out()
    chosen = [
        msgspec.structs.replace(each, per_round=options.requests or each.per_round)
        for each in SCENARIOS
        if each.name in names
    ]
    if set(names) - {"start", *beacons.NAMES, *pages.NAMES, *growth.NAMES}:
        yield from _in_the_lab(folder, cores, chosen, options, tell)
    pin(0, cores.rest)
    if not set(names).isdisjoint(beacons.NAMES):
        yield from beacons.watching_school(folder, cores, tell=tell)
    if not set(names).isdisjoint(pages.NAMES):
        yield from pages.every_audience(folder, cores, names=names, rounds=options.rounds, tell=tell)
    if not set(names).isdisjoint(growth.NAMES):
        yield from growth.growing_school(folder, cores, rounds=options.rounds, tell=tell)
    if "start" in names:
        pin(0, cores.every)
        yield second_start(folder, cores.every, tell)


def _in_the_lab(
    folder: Path, cores: Cores, chosen: Sequence[Scenario], options: argparse.Namespace, tell: Callable[[str], None]
) -> Iterator[Finding]:
    # PostgreSQL and Valkey inherit the cores of the process that starts them.
    pin(0, cores.rest)
    with running_lab(folder, tell) as settings:
        if chosen:
            yield from compare(settings, folder, cores, chosen, rounds=options.rounds, tell=tell)
        names = options.names or NAMES
        if not set(names).isdisjoint(tenants.NAMES):
            yield from tenants.many_tenants(settings, folder, cores, rounds=options.rounds, tell=tell)
        if not set(names).isdisjoint(deliveries.NAMES):
            yield from deliveries.deliveries(settings, folder, cores, tell=tell)
        if not set(names).isdisjoint(sign_ins.NAMES):
            yield from sign_ins.sign_ins(settings, folder, cores, rounds=options.rounds, tell=tell)
        if wanted := tuple(name for name in files.NAMES if name in names):
            yield from files.large_files(settings, folder, cores, names=wanted, rounds=options.rounds, tell=tell)
        if "memory" in names:
            yield from idle_memory(settings, folder, cores.server, tell)


if __name__ == "__main__":
    sys.exit(main())
