"""`collegium polls close-overdue`, for who does not want to wait for the schedule."""

from argparse import ArgumentParser, Namespace

from kernel.commands import Command
from kernel.db import Db
from polls import actions


def _configure(_parser: ArgumentParser) -> None:
    """Add no argument of its own; `--tenant` is there for every command."""


async def _run(db: Db, _options: Namespace) -> str:
    return f"{await actions.close_overdue(db)} closed."


COMMANDS = (Command("polls close-overdue", "close the polls whose time is over", _configure, _run),)
