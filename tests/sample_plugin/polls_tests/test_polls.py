"""Making, changing and removing polls, and who may."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from kernel.ids import new_id
from kernel.testing import Person, School
from polls_tests.ballots import OPTIONS, Ballot, ask, make_ballot


async def test_poll_shows_its_options_in_their_order(ballot: Ballot, student: Person) -> None:
    found = await ask(student, "GET", ballot.path)

    assert [option["label"] for option in found["options"]] == OPTIONS
    assert (found["is_open"], found["my_option_id"], found["votes"]) == (True, None, 0)


@pytest.mark.parametrize(
    ("options", "field", "message"),
    [
        (["One"], "options", "Expected `array` of length >= 2."),
        (["One", " "], "options[1]", "Expected `str` matching regex '\\\\S'."),
        (["One", "Two", " one"], "options[2]", "Another option reads the same."),
        ([str(number) for number in range(11)], "options", "At most 10 options."),
    ],
)
async def test_options_must_make_a_ballot(instructor: Person, options: list[str], field: str, message: str) -> None:
    answer = await ask(instructor, "POST", "/polls", status=400, json={"question": "Which?", "options": options})

    assert answer["errors"] == [{"field": field, "message": message}]


async def test_author_changes_question_and_end(ballot: Ballot, instructor: Person) -> None:
    changed = await ask(
        instructor, "PATCH", ballot.path, json={"question": "When, then?", "closes_at": "2031-01-02T03:04:05Z"}
    )
    assert (changed["question"], changed["closes_at"]) == ("When, then?", "2031-01-02T03:04:05Z")

    unchanged = await ask(instructor, "PATCH", ballot.path, json={})
    assert unchanged == changed


async def test_removed_poll_is_gone_with_its_votes(ballot: Ballot, instructor: Person, student: Person) -> None:
    await ballot.vote(student)

    await ask(instructor, "DELETE", ballot.path, status=204)

    gone = await ask(instructor, "GET", ballot.path, status=404)
    assert gone["code"] == "polls.not_found"


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "/polls", None, (401, 200, 200, 200, 200)),
        ("POST", "/polls", {"question": "Which?", "options": ["a", "b"]}, (401, 403, 201, 201, 201)),
        ("GET", "/polls/{id}", None, (401, 200, 200, 200, 200)),
        ("PATCH", "/polls/{id}", {"question": "Mine?"}, (401, 403, 404, 200, 200)),
        ("POST", "/polls/{id}/vote", None, (401, 200, 200, 200, 403)),
        ("GET", "/polls/{id}/results", None, (401, 403, 403, 200, 200)),
        ("GET", "/polls/{id}/remarks", None, (401, 403, 404, 200, 200)),
        ("POST", "/polls/{id}/close", None, (401, 403, 404, 200, 409)),
        ("DELETE", "/polls/{id}", None, (401, 403, 404, 204, 404)),
    ],
)
async def test_who_may_do_what(
    ballot: Ballot,
    school: School,
    anonymous: httpx.AsyncClient,
    student: Person,
    instructor: Person,
    admin: Person,
    method: str,
    path: str,
    body: dict[str, Any] | None,
    expected: tuple[int, ...],
) -> None:
    people = (anonymous, student, await school.person("instructor"), instructor, admin)
    where = path.replace("{id}", ballot.id)
    sent = {"option_id": ballot.options[0]} if path.endswith("/vote") else body

    answers = [await each.request(method, where, json=sent) for each in people]

    assert tuple(answer.status_code for answer in answers) == expected


async def test_another_school_knows_nothing_of_a_poll(ballot: Ballot, other_school: School) -> None:
    stranger = await other_school.person("admin")

    for method, path, body in (
        ("GET", ballot.path, None),
        ("PATCH", ballot.path, {"question": "Ours?"}),
        ("DELETE", ballot.path, None),
        ("POST", f"{ballot.path}/close", None),
        ("GET", f"{ballot.path}/results", None),
        ("GET", f"{ballot.path}/remarks", None),
    ):
        assert (await ask(stranger, method, path, status=404, json=body))["code"] == "polls.not_found"
    assert (await ask(stranger, "GET", "/polls"))["items"] == []


@pytest.mark.parametrize("suffix", ["", "/results"])
async def test_unknown_poll_is_not_found(instructor: Person, suffix: str) -> None:
    await ask(instructor, "GET", f"/polls/{new_id()}{suffix}", status=404)


async def test_list_costs_the_same_for_one_and_for_many(instructor: Person, query_count: Callable[[], int]) -> None:
    async def cost() -> tuple[int, int]:
        before = query_count()
        page: dict[str, Any] = await ask(instructor, "GET", "/polls?limit=50")
        return len(page["items"]), query_count() - before

    await make_ballot(instructor)
    one = await cost()
    for _ in range(29):
        await make_ballot(instructor)

    assert (one[0], await cost()) == (1, (30, one[1]))
