"""Which core each process of a measurement has: the server one, everything else the others."""

import os

import msgspec


class Cores(msgspec.Struct, frozen=True):
    """The shares of the machine.

    Args:
        server: For whichever server is measured; both are idle on it in the other's turn.
        rest: For the load, PostgreSQL and Valkey.
        every: All that this process may use.
    """

    server: frozenset[int]
    rest: frozenset[int]
    every: frozenset[int]

    @property
    def are_apart(self) -> bool:
        """Whether server and load do not take each other's time."""
        return not self.server & self.rest


def shared_out() -> Cores:
    """Return the shares; everything everywhere on a machine with one core, or that cannot pin."""
    every = frozenset(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))
    if len(every) < 2 or not hasattr(os, "sched_setaffinity"):
        return Cores(every, every, every)
    first = min(every)
    return Cores(frozenset({first}), every - {first}, every)


def pin(pid: int, cores: frozenset[int]) -> None:
    """Keep a process, and those that it starts from now on, on these cores; 0 means this process."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, cores)
