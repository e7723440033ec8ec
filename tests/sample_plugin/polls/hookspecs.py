"""The hooks that `polls` offers to other plugins."""

from collections.abc import Sequence

from kernel.hookspecs import hookspec
from polls.ballots import BallotRule


@hookspec
def register_ballot_rules() -> Sequence[BallotRule]:  # type: ignore[empty-body]
    """Return rules that say who may vote; where the contributing plugin does not act, its rules do not hold."""
