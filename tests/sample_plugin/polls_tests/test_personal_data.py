"""What polls hand out to a person, and what stays when the person is erased."""

from kernel.testing import Person, School, Settle
from polls_tests.ballots import Ballot, ask


async def test_person_gets_votes_and_polls(ballot: Ballot, instructor: Person, student: Person) -> None:
    await ballot.vote(student, 1)

    voter = (await ask(student, "GET", "/users/me/export"))["data"]
    author = (await ask(instructor, "GET", "/users/me/export"))["data"]

    assert [(vote["question"], vote["answer"]) for vote in voter["polls.votes"]] == [
        ("When shall we meet?", "After lunch")
    ]
    assert voter["polls.polls"] == []
    assert [poll["id"] for poll in author["polls.polls"]] == [ballot.id]


async def test_erased_voter_still_counts_and_is_nowhere(
    ballot: Ballot, student: Person, admin: Person, school: School, settle: Settle
) -> None:
    await ballot.vote(student, 1)

    await ask(admin, "DELETE", f"/users/{student.id}", status=202)
    await settle()

    found = await ask(admin, "GET", f"{ballot.path}/results")
    assert [option["votes"] for option in found["options"]] == [0, 1, 0]
    entries = await school.audit_log("polls.votes")
    assert [entry.new_values for entry in entries] == [None] * len(entries)


async def test_poll_of_an_erased_author_stays(ballot: Ballot, admin: Person, settle: Settle) -> None:
    await ask(admin, "DELETE", f"/users/{ballot.author.id}", status=202)
    await settle()

    assert (await ask(admin, "GET", ballot.path))["author_id"] is None
