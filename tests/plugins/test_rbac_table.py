"""The rows of the document's table of roles about courses and access codes, cell by cell, over HTTP.

Those about users and settings are in the tests of auth and admin.
"""

from typing import Any

import pytest

from kernel.testing import Person, School
from tests.plugins.courses.conftest import Course, ask, draft, published

ROLES = ("admin", "instructor", "student", "")
"""The table's columns, and the anonymous."""
NEW = {"title": "New"}
CHANGE = {"short_description": "Changed."}
# Row; method, path and body, where `own` and `other` are courses of whoever asks and of another instructor; what each
# of ROLES is answered. Students own no course: theirs stands for any that somebody else made.
CELLS: tuple[tuple[str, str, str, Any, tuple[int, ...]], ...] = (
    ("Courses - View All, any", "GET", "/videos/{other_video}/stream", None, (200, 403, 403, 401)),
    ("Courses - View All, own", "GET", "/videos/{own_video}/stream", None, (200, 200, 403, 401)),
    ("Courses - View All, enrolled", "GET", "/videos/{enrolled_video}/stream", None, (200, 403, 200, 401)),
    ("Courses - View All, drafts", "GET", "/courses/{draft}", None, (200, 404, 404, 401)),
    ("Courses - View All, lists", "GET", "/courses?status=draft", None, (200, 403, 403, 401)),
    ("Courses - Create", "POST", "/courses", NEW, (201, 201, 403, 401)),
    ("Courses - Edit Any", "PATCH", "/courses/{other}", CHANGE, (200, 404, 403, 401)),
    ("Courses - Edit Own", "PATCH", "/courses/{own}", CHANGE, (200, 200, 403, 401)),
    ("Courses - Delete, any", "DELETE", "/courses/{other_draft}", None, (204, 404, 403, 401)),
    ("Courses - Delete, own", "DELETE", "/courses/{own_draft}", None, (204, 204, 403, 401)),
    ("Access Codes - Generate, any", "POST", "/access-codes/generate", "other", (201, 404, 403, 401)),
    ("Access Codes - Generate, own", "POST", "/access-codes/generate", "own", (201, 201, 403, 401)),
    ("Access Codes - View, any", "GET", "/access-codes/{other_code}", None, (200, 404, 403, 401)),
    ("Access Codes - View, own", "GET", "/access-codes/{own_code}", None, (200, 200, 403, 401)),
)


async def _code(author: Person, course: Course) -> str:
    order = {"course_id": str(course.id), "type": "single_use"}
    batch = await ask(author, "POST", "/access-codes/generate", status=201, json=order)
    return str(batch["items"][0]["id"])


def _video(course: Course) -> str:
    return course.videos[0].rpartition("/")[2]


async def _places(school: School, role: str, person: Any) -> dict[str, str]:
    """Make courses of whoever asks, of somebody else, and one that a student is in; return their ids."""
    colleague = await school.person("instructor")
    author = person if role in ("admin", "instructor") else colleague
    own, other = await published(author), await published(colleague)
    enrolled = await published(colleague)
    if role == "student":
        await ask(person, "POST", f"{enrolled.path}/enroll", status=201)
    return {
        "own": str(own.id),
        "own_video": _video(own),
        "own_draft": str((await draft(author)).id),
        "own_code": await _code(author, own),
        "other": str(other.id),
        "other_video": _video(other),
        "other_draft": str((await draft(colleague)).id),
        "other_code": await _code(colleague, other),
        "enrolled_video": _video(enrolled),
        "draft": str((await draft(colleague)).id),
    }


@pytest.mark.parametrize("role", ROLES)
async def test_each_cell(school: School, role: str) -> None:
    person: Any = await school.person(role) if role else await school.client()
    places = await _places(school, role, person)

    found = {}
    for row, method, path, body, _ in CELLS:
        order = {"course_id": places[body], "type": "single_use"} if isinstance(body, str) else body
        found[row] = (await person.request(method, path.format(**places), json=order)).status_code

    column = ROLES.index(role)
    assert found == {row: answers[column] for row, _, _, _, answers in CELLS}


async def test_lists_hold_what_the_cells_say(school: School) -> None:
    first, second = await school.person("instructor"), await school.person("instructor")
    admin, student = await school.person("admin"), await school.person("student")
    courses = {person: [await published(person), await draft(person)] for person in (first, second)}
    codes = {person: await _code(person, courses[person][0]) for person in courses}
    await ask(student, "POST", f"{courses[first][0].path}/enroll", status=201)

    async def ids(person: Person, path: str, name: str = "id") -> set[str]:
        return {item[name] for item in (await ask(person, "GET", path))["items"]}

    own = {person: {str(course.id) for course in made} for person, made in courses.items()}
    assert await ids(first, "/courses?mine=true") == own[first]
    assert await ids(second, "/courses?mine=true") == own[second]
    everything = await ids(admin, "/courses?status=draft") | await ids(admin, "/courses?status=published")
    assert everything == own[first] | own[second]
    enrolled = (await ask(student, "GET", "/enrollments"))["items"]
    assert [item["course"]["id"] for item in enrolled] == [str(courses[first][0].id)]
    assert await ids(first, "/access-codes") == {codes[first]}
    assert await ids(admin, "/access-codes") == set(codes.values())
