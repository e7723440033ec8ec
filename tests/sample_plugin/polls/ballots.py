"""The kind of thing that other plugins contribute to a vote; the hook for it stands in `hookspecs`."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from msgspec import Struct

from kernel.auth import Actor
from kernel.db import Db


class BallotRule(Struct, frozen=True):
    """Who may vote, as another plugin decides it; every rule must admit.

    Args:
        name: Dotted, begins with the contributing plugin's name.
        refusal: The sentence that is told to whoever is not admitted.
        admits: Given the transaction, who wants to vote and the poll's id.
    """

    name: str
    refusal: str
    admits: Callable[[Db, Actor, UUID], Awaitable[bool]]
