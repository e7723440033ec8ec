"""What needs no second server: how soon the demonstration is ready again, how much an idle server holds."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.report import Finding, weighed
from benchmarks.servers import Memory, Start, environment_of, free_port, running, serve_words
from kernel.embedded import discard_stack
from kernel.settings import Settings

MOST_START_S = 5.0
MOST_MEMORY_MIB = 150.0
_SETTLED_S = 2.0


def second_start(folder: Path, cores: frozenset[int], tell: Callable[[str], None]) -> Finding:
    """Start `collegium serve --demo` twice over one data directory and time the second one until it is ready."""
    data_dir, seconds, cpu_seconds = folder / "demo", 0.0, 0.0
    try:
        for turn in ("first start, with migrations and demonstration data", "second start"):
            tell(turn)
            port = free_port()
            words = serve_words(port, "--demo", "--data-dir", str(data_dir))
            began = time.perf_counter()
            with running(Start(words, {}, folder / "demo.log", cores), port) as server:
                seconds, cpu_seconds = time.perf_counter() - began, server.cpu_seconds()
    finally:
        discard_stack(data_dir)
    return weighed("start", seconds, most=MOST_START_S, unit="s", note=f" (CPU {cpu_seconds:.1f})")


def idle_memory(
    settings: Settings, folder: Path, cores: frozenset[int], tell: Callable[[str], None]
) -> Iterator[Finding]:
    """Weigh an idle server with every plugin, without and with background work inside."""
    for name, option in (("memory", "--no-embedded-worker"), ("memory + worker", "--embedded-worker")):
        tell(name)
        port = free_port()
        start = Start(serve_words(port, option), environment_of(settings), folder / "idle.log", cores)
        with running(start, port) as server:
            time.sleep(_SETTLED_S)
            held = server.memory()
        yield weighed(name, held.rss, most=MOST_MEMORY_MIB, unit="MiB", note=_shared(held))


def _shared(held: Memory) -> str:
    return "" if held.pss is None else f" (PSS {held.pss:.0f})"
