"""Why polls refuse; each condition has its own stable code."""

from kernel.errors import Conflict, Forbidden, Invalid, NotFound


class PollNotFound(NotFound):
    """No poll has this id, or not for this person."""

    code = "polls.not_found"
    title = "There is no such poll."


class VotingOver(Conflict):
    """The poll is closed."""

    code = "polls.voting_over"
    title = "Voting is over."


class AlreadyVoted(Conflict):
    """This user has voted before."""

    code = "polls.already_voted"
    title = "You have voted already."


class NotOnBallot(Invalid):
    """The option is none of this poll."""

    code = "polls.not_on_ballot"
    title = "This poll has no such option."


class NotAdmitted(Forbidden):
    """A rule that another plugin contributed keeps this user out."""

    code = "polls.not_admitted"
    title = "You may not vote in this poll."


class OptionsInvalid(Invalid):
    """The options cannot be a ballot."""

    code = "polls.options_invalid"
    title = "These options make no poll."


class ResultsHidden(Forbidden):
    """The tenant shows results only once a poll is closed."""

    code = "polls.results_hidden"
    title = "The results are shown when voting is over."
