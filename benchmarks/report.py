"""What a run found: the figures, whether they meet their targets, and how they are shown."""

import statistics
from collections.abc import Iterable, Sequence

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

WIDTH = 110
_CAPTION = (
    "The ratios count, absolute numbers depend on the machine. Median, least and greatest of the rounds. "
    "µs: processor time of the server for an answer, for when something else runs on the machine."
)


class Spread(msgspec.Struct, frozen=True):
    """A figure that was taken several times."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return it as the table shows it."""
        return f"{self.median:.2f}\n{self.low:.2f}–{self.high:.2f}"  # noqa: RUF001 - a range


class Round(msgspec.Struct, frozen=True):
    """Both servers once, one straight after the other: answers a second, processor time an answer."""

    ours_per_s: float
    bare_per_s: float
    ours_cpu_us: float
    bare_cpu_us: float

    @property
    def ratio(self) -> float:
        """Return our share of the bare server's throughput."""
        return self.ours_per_s / self.bare_per_s

    @property
    def cpu_ratio(self) -> float:
        """Return what the ratio would be if the server's processor time were all that counts."""
        return self.bare_cpu_us / self.ours_cpu_us


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the report."""

    name: str
    ours: str
    target: str
    is_met: bool
    bare: str = ""
    rounds: Sequence[Round] = ()
    value: float = 0.0

    @property
    def ratio(self) -> Spread | None:
        """Return the ratio of throughput, where two servers were compared."""
        return spread(each.ratio for each in self.rounds) if self.rounds else None

    @property
    def cpu_ratio(self) -> Spread | None:
        """Return the ratio of processor time, where two servers were compared."""
        return spread(each.cpu_ratio for each in self.rounds) if self.rounds else None


def spread(values: Iterable[float]) -> Spread:
    """Return median, least and greatest."""
    ordered = sorted(values)
    return Spread(statistics.median(ordered), ordered[0], ordered[-1])


def compared(name: str, rounds: Sequence[Round], *, target: float) -> Finding:
    """Return the finding of two servers that were measured in turn."""
    ratio = spread(each.ratio for each in rounds).median
    return Finding(
        name=name,
        ours=f"{statistics.median(each.ours_per_s for each in rounds):,.0f}/s",
        bare=f"{statistics.median(each.bare_per_s for each in rounds):,.0f}/s",
        rounds=rounds,
        value=ratio,
        target=f"≥ {target}",
        is_met=ratio >= target,
    )


def weighed(name: str, value: float, *, most: float, unit: str, note: str = "") -> Finding:
    """Return the finding of something that must stay below a limit."""
    return Finding(
        name=name, ours=f"{value:.1f} {unit}{note}", value=value, target=f"≤ {most:g} {unit}", is_met=value <= most
    )


def reached(name: str, value: float, *, least: float, unit: str) -> Finding:
    """Return the finding of something that must reach a figure."""
    return Finding(
        name=name, ours=f"{value:,.0f}{unit}", value=value, target=f"≥ {least:,g}{unit}", is_met=value >= least
    )


def show(findings: Sequence[Finding], console: Console) -> None:
    """Print the table."""
    table = Table(title="Collegium against the bare stack", caption=_CAPTION, box=box.SIMPLE_HEAD)
    table.add_column("scenario", no_wrap=True)
    for title in ("ours", "bare", "ours / bare", "µs ours", "µs bare", "µs ratio", "target"):
        table.add_column(title, justify="right", no_wrap="ratio" in title or "/" in title)
    table.add_column("", no_wrap=True)
    for each in findings:
        table.add_row(
            each.name,
            each.ours,
            each.bare,
            str(each.ratio or ""),
            *_cpu(each.rounds),
            str(each.cpu_ratio or ""),
            each.target,
            "[green]ok[/]" if each.is_met else "[red]missed[/]",
        )
    console.print(table)


def _cpu(rounds: Sequence[Round]) -> tuple[str, str]:
    if not rounds:
        return "", ""
    ours = statistics.median(each.ours_cpu_us for each in rounds)
    return f"{ours:.0f}", f"{statistics.median(each.bare_cpu_us for each in rounds):.0f}"


def as_json(findings: Sequence[Finding]) -> bytes:
    """Return the findings with every round, for a comparison over time."""
    lines = [{**msgspec.to_builtins(each), "ratio": each.ratio, "cpu_ratio": each.cpu_ratio} for each in findings]
    return msgspec.json.format(msgspec.json.encode(lines), indent=2) + b"\n"
