"""Demonstration data: each plugin makes its own, through its own actions (hook `seed_demo`)."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from kernel.db import Db


class DemoStep(msgspec.Struct, frozen=True):
    """One step of the demonstration data.

    Args:
        name: `plugin.what`, shown while it runs.
        run: Makes the data in the transaction that it is given; does nothing if they are there already.
        notes: Lines to print when the server starts, such as unused codes.
    """

    name: str
    run: Callable[[Db], Awaitable[None]]
    notes: Callable[[Db], Awaitable[Sequence[str]]] | None = None

    @property
    def plugin(self) -> str:
        """The plugin whose data it makes."""
        return self.name.partition(".")[0]
