"""Votes: one each, however fast; counted beside; shown when the tenant says so."""

import asyncio

import pytest
from sqlalchemy import select

from kernel.testing import Person, Recorder, School, SchoolFactory, Settle
from polls.events import VoteCast
from polls.tables import Vote
from polls_tests.ballots import Ballot, ask, make_ballot


async def results(person: Person, ballot: Ballot) -> list[int]:
    found = await ask(person, "GET", f"{ballot.path}/results")
    return [option["votes"] for option in found["options"]]


async def test_vote_is_seen_by_the_voter_and_told_to_listeners(
    ballot: Ballot, student: Person, recorder: Recorder
) -> None:
    voted = await ballot.vote(student, 1)

    assert voted["my_option_id"] == ballot.options[1]
    assert [(str(event.poll_id), event.user_id) for event in recorder.of(VoteCast)] == [(ballot.id, student.id)]


async def test_second_vote_is_refused(ballot: Ballot, student: Person, recorder: Recorder) -> None:
    await ballot.vote(student, 0)

    refused = await ballot.vote(student, 1, status=409)

    assert refused["code"] == "polls.already_voted"
    assert await results(ballot.author, ballot) == [1, 0, 0]
    assert len(recorder.events) == 1


async def test_of_twenty_clicks_at_once_one_counts(ballot: Ballot, student: Person) -> None:
    async def click(number: int) -> int:
        body = {"option_id": ballot.options[number % 3]}
        return (await student.post(f"{ballot.path}/vote", json=body)).status_code

    statuses = await asyncio.gather(*(click(number) for number in range(20)))

    assert sorted(statuses) == [200] + [409] * 19
    assert sum(await results(ballot.author, ballot)) == 1


async def test_option_of_another_poll_is_refused_with_the_field(ballot: Ballot, student: Person) -> None:
    other = await make_ballot(ballot.author)

    refused = await ask(student, "POST", f"{ballot.path}/vote", status=400, json={"option_id": other.options[0]})

    assert (refused["code"], refused["errors"][0]["field"]) == ("polls.not_on_ballot", "option_id")


async def test_votes_are_counted_by_a_listener(ballot: Ballot, school: School, settle: Settle) -> None:
    for _ in range(3):
        await ballot.vote(await school.person("student"))
    assert (await ballot.details())["votes"] == 0

    await settle()

    assert (await ballot.details())["votes"] == 3


async def test_votes_are_counted_anew_after_a_pause(ballot: Ballot, student: Person, school: School) -> None:
    await ballot.vote(student)
    await school.switch_off("polls")
    await school.settle()

    await school.switch_on("polls")
    assert (await ballot.details())["votes"] == 0
    await school.settle()

    assert (await ballot.details())["votes"] == 1


async def test_audit_log_shows_who_voted_and_not_for_what(ballot: Ballot, student: Person, school: School) -> None:
    await ballot.vote(student)

    [entry] = await school.audit_log("polls.votes")
    assert entry.new_values is not None
    assert (entry.action, entry.user_id, entry.new_values["user_id"]) == (
        "polls.votes.inserted",
        student.id,
        str(student.id),
    )
    assert entry.new_values["option_id"] == "***"


@pytest.mark.parametrize(("shown", "status"), [("when_closed", 403), ("always", 200)])
async def test_tenant_decides_when_results_are_shown(new_school: SchoolFactory, shown: str, status: int) -> None:
    school = await new_school(settings={"polls": {"results_shown": shown}})
    ballot = await make_ballot(await school.person("instructor"))
    student = await school.person("student")
    await ballot.vote(student)

    answer = await ask(student, "GET", f"{ballot.path}/results", status=status)
    assert answer.get("code", "") == ("polls.results_hidden" if status == 403 else "")

    await ballot.close()
    assert await results(student, ballot) == [1, 0, 0]


async def test_results_are_text_too(ballot: Ballot, instructor: Person, student: Person, school: School) -> None:
    await ballot.vote(student, 2)

    answer = await instructor.get(f"http://{school.host}{ballot.path}/results.txt")

    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == ("When shall we meet?\n     0  In the morning\n     0  After lunch\n     1  In the evening\n")


async def test_remark_is_read_by_who_asked_and_kept_encrypted(
    ballot: Ballot, student: Person, school: School, settle: Settle
) -> None:
    await ballot.vote(await school.person("student"))
    await ballot.vote(student, remark="Rather not before nine.")

    page = await ask(ballot.author, "GET", f"{ballot.path}/remarks")

    assert [each["remark"] for each in page["items"]] == ["Rather not before nine."]
    assert page["total"] == 1
    async with school.db() as db:
        [sealed] = await db.values(select(Vote.remark).where(Vote.remark.is_not(None)))
    assert "nine" not in sealed
