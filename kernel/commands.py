"""Commands that plugins add to `collegium` (hook `register_commands`)."""

from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable

import msgspec

from kernel.db import Db


class Command(msgspec.Struct, frozen=True):
    """One command, run in a transaction of the tenant that `--tenant` names.

    Args:
        name: Its two words, such as `users create-admin`.
        summary: One line of help.
        configure: Adds its arguments.
        run: Does the work and returns what to print.
    """

    name: str
    summary: str
    configure: Callable[[ArgumentParser], None]
    run: Callable[[Db, Namespace], Awaitable[str]]
