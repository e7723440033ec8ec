"""The end of voting: by hand, by the clock, told once."""

from argparse import Namespace
from datetime import timedelta

from kernel import clock
from kernel.tasks import NoPayload, enqueue
from kernel.testing import FakeClock, Mailbox, Person, Recorder, School, Settle
from polls.cli import COMMANDS
from polls.events import PollClosed
from polls.tasks import CLOSE_OVERDUE
from polls_tests.ballots import Ballot, ask, make_ballot


def soon() -> str:
    """Return a moment in ten minutes; an access token outlives it."""
    return (clock.now() + timedelta(minutes=10)).isoformat()


async def test_closed_poll_takes_no_votes(ballot: Ballot, student: Person, recorder: Recorder) -> None:
    await ballot.close()

    refused = await ballot.vote(student, status=409)

    assert refused["code"] == "polls.voting_over"
    [event] = recorder.of(PollClosed)
    assert (str(event.poll_id), event.author_id) == (ballot.id, ballot.author.id)


async def test_closing_twice_is_told_once(ballot: Ballot, recorder: Recorder) -> None:
    await ballot.close()

    refused = await ask(ballot.author, "POST", f"{ballot.path}/close", status=409)

    assert refused["code"] == "polls.voting_over"
    assert len(recorder.events) == 1


async def test_author_is_told_by_mail(ballot: Ballot, student: Person, settle: Settle, mailbox: Mailbox) -> None:
    await ballot.vote(student)
    await ballot.close()
    await settle()

    mail = await mailbox.mail(ballot.author.email)

    assert mail.subject == "When shall we meet?: voting is over"
    assert "School is over; 1 voted." in mail.text
    assert [link.rpartition("/polls/")[2] for link in mail.links] == [f"{ballot.id}/results.txt"]


async def test_poll_takes_no_votes_once_its_time_is_over(
    instructor: Person, school: School, fake_clock: FakeClock
) -> None:
    ballot = await make_ballot(instructor, closes_at=soon())
    early, late = await school.person("student"), await school.person("student")

    await ballot.vote(early)
    fake_clock.advance(minutes=9)
    assert (await ballot.details())["is_open"] is True
    fake_clock.advance(minutes=1)

    assert (await ballot.details())["is_open"] is False
    assert (await ballot.vote(late, status=409))["code"] == "polls.voting_over"


async def test_schedule_closes_what_is_over_and_nothing_else(
    instructor: Person, school: School, recorder: Recorder, settle: Settle, fake_clock: FakeClock
) -> None:
    over = await make_ballot(instructor, closes_at=soon())
    endless = await make_ballot(instructor)
    fake_clock.advance(minutes=11)

    async with school.db() as db:
        await enqueue(db, CLOSE_OVERDUE, NoPayload())
    await settle()

    assert [str(event.poll_id) for event in recorder.of(PollClosed)] == [over.id]
    closed = await over.details()
    assert closed["closed_at"] == closed["closes_at"]
    assert (await endless.details())["closed_at"] is None


async def test_command_closes_what_is_over(instructor: Person, school: School, fake_clock: FakeClock) -> None:
    await make_ballot(instructor, closes_at=soon())
    [command] = COMMANDS

    async def run() -> str:
        async with school.db() as db:
            return await command.run(db, Namespace())

    assert await run() == "0 closed."
    fake_clock.advance(minutes=11)
    assert await run() == "1 closed."
