"""What other plugins may use of polls."""

from polls.ballots import BallotRule
from polls.events import PollClosed, VoteCast

__all__ = ["BallotRule", "PollClosed", "VoteCast"]
