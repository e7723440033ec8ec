"""Files of students and instructors: who may see and keep them, and what others contribute."""

from typing import Any

import httpx
import pytest

from kernel.ids import new_id
from kernel.testing import Person, School, SchoolFactory
from tests.plugins.auth.people import codes_of, living_sessions

EVERYTHING = {"education_level": "Bachelor", "enrollment_date": "2026-09-01", "notes": "Needs a seat in front."}


class Staffroom:
    """A student, the instructor they are assigned to, and everybody else."""

    def __init__(self, people: dict[str, Person], strangers: dict[str, httpx.AsyncClient]) -> None:
        self.people = people
        self.clients = {**{name: person.client for name, person in people.items()}, **strangers}
        self.student = people["student"]
        self.path = f"/users/{self.student.id}"


@pytest.fixture
async def staffroom(school: School, other_school: School) -> Staffroom:
    """The cast, with the student's file filled in."""
    people = {
        "student": await school.person("student"),
        "other student": await school.person("student"),
        "assigned instructor": await school.person("instructor"),
        "other instructor": await school.person("instructor"),
        "admin": await school.person("admin"),
    }
    room = Staffroom(
        people,
        {"anonymous": await school.client(), "foreign admin": (await other_school.person("admin")).client},
    )
    body = {**EVERYTHING, "assigned_instructor": str(people["assigned instructor"].id)}
    answer = await people["admin"].patch(f"{room.path}/file", json=body)
    assert answer.status_code == 200, answer.text
    return room


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "/file", None, (200, 404, 200, 404, 200, 401, 404)),
        ("GET", "/progress", None, (200, 404, 200, 404, 200, 401, 404)),
        ("PATCH", "/file", {"notes": "Reads a lot."}, (403, 403, 200, 404, 200, 401, 404)),
        ("PATCH", "/file", {"assigned_instructor": None}, (403, 403, 403, 404, 200, 401, 404)),
        ("GET", "", None, (200, 404, 404, 404, 200, 401, 404)),
    ],
)
async def test_who_may(staffroom: Staffroom, method: str, path: str, body: Any, expected: tuple[int, ...]) -> None:
    found = {}
    for name, client in staffroom.clients.items():
        found[name] = (await client.request(method, staffroom.path + path, json=body)).status_code
    assert found == dict(zip(staffroom.clients, expected, strict=True))


async def test_notes_are_for_the_staff(staffroom: Staffroom) -> None:
    seen = {
        name: (await staffroom.people[name].get(f"{staffroom.path}/file")).json()["student"]
        for name in ("student", "assigned instructor", "admin")
    }
    assigned = str(staffroom.people["assigned instructor"].id)
    for name, file in seen.items():
        assert (file["education_level"], file["enrollment_date"]) == ("Bachelor", "2026-09-01")
        assert file["assigned_instructor"]["id"] == assigned
        assert file.get("notes", "none of it") == ("none of it" if name == "student" else EVERYTHING["notes"])


async def test_nothing_to_change_changes_nothing(staffroom: Staffroom) -> None:
    admin, instructor = staffroom.people["admin"], staffroom.people["assigned instructor"]
    before = (await admin.get(f"{staffroom.path}/file")).json()
    assert (await admin.patch(f"{staffroom.path}/file", json={})).json() == before
    work = await instructor.patch(f"/users/{instructor.id}/instructor-profile", json={})
    assert (work.status_code, work.json()["specialization"]) == (200, None)


async def test_assignment_ends_at_once(staffroom: Staffroom) -> None:
    instructor = staffroom.people["assigned instructor"]
    await staffroom.people["admin"].patch(f"{staffroom.path}/file", json={"assigned_instructor": None})
    assert (await instructor.get(f"{staffroom.path}/file")).status_code == 404
    assert (await instructor.patch(f"{staffroom.path}/file", json={"notes": "Mine."})).status_code == 404


async def test_only_an_active_instructor_of_the_school_can_be_assigned(
    staffroom: Staffroom, other_school: School
) -> None:
    admin, other = staffroom.people["admin"], staffroom.people["other instructor"]
    await admin.patch(f"/users/{other.id}", json={"status": "inactive"})
    foreign = await other_school.person("instructor")
    for wrong in (staffroom.people["other student"].id, other.id, foreign.id, new_id()):
        answer = await admin.patch(f"{staffroom.path}/file", json={"assigned_instructor": str(wrong)})
        assert (codes_of(answer), answer.json()["errors"][0]["field"]) == (
            [(400, "kernel.invalid")],
            "assigned_instructor",
        )
    wrong_role = await admin.patch(f"/users/{admin.id}/file", json={"notes": "x"})
    assert codes_of(wrong_role) == [(409, "auth.not_a_student")]


@pytest.mark.parametrize("field", ["user_id", "tenant_id", "total_courses", "overall_progress", "id"])
async def test_nothing_else_can_be_written(staffroom: Staffroom, field: str) -> None:
    answer = await staffroom.people["admin"].patch(f"{staffroom.path}/file", json={field: 1})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


async def test_file_tells_what_somebody_learns_and_teaches(school: School) -> None:
    admin, instructor, student = [await school.person(role) for role in ("admin", "instructor", "student")]
    course = (await instructor.post("/courses", json={"title": "Joinery", "requires_code": False})).json()
    section = (await instructor.post(f"/courses/{course['id']}/sections", json={"title": "Wood"})).json()
    video = {"title": "Saws", "video_type": "youtube_private", "youtube_id": "dQw4w9WgXcQ", "duration_seconds": 240}
    made = (await instructor.post(f"/sections/{section['id']}/videos", json=video)).json()
    await instructor.post(f"/courses/{course['id']}/publish")
    assert (await admin.get(f"/users/{student.id}/progress")).json()["sections"] == []
    assert (await student.post(f"/courses/{course['id']}/enroll")).status_code in (200, 201)
    seen = {"position": 120, "ranges": [[0, 120]], "total_seconds": 240}
    await student.post(f"/videos/{made['id']}/progress", json=seen)
    await school.settle()

    progress = (await student.get(f"/users/{student.id}/progress")).json()
    assert (progress["user"]["id"], [each["name"] for each in progress["sections"]]) == (
        str(student.id),
        ["courses.learning"],
    )
    learning = progress["sections"][0]["data"]
    assert {name: learning[name] for name in learning if name != "enrollments"} == {
        "total_courses": 1, "completed_courses": 0, "total_watch_time": 2, "overall_progress": 50.0,
    }  # fmt: skip
    assert [(each["title"], each["progress"]) for each in learning["enrollments"]] == [("Joinery", 50.0)]
    file = (await admin.get(f"/users/{instructor.id}/file")).json()
    assert (file["student"], file["instructor"]) == (
        None, {"specialization": None, "qualification": None, "experience_years": None},
    )  # fmt: skip
    teaching = {each["name"]: each["data"] for each in file["sections"]}
    assert teaching == {
        "courses.teaching": {"total_courses": 1, "published_courses": 1, "total_students": 1, "rating": 0.0}
    }
    # What is switched off tells nothing, and is not asked.
    await school.switch_off("courses")
    assert (await student.get(f"/users/{student.id}/file")).json()["sections"] == []


async def test_instructor_tells_about_their_work(school: School, other_school: School) -> None:
    one, other, student, admin = [
        await school.person(role) for role in ("instructor", "instructor", "student", "admin")
    ]
    path, work = f"/users/{one.id}/instructor-profile", {"specialization": "Joinery", "experience_years": 12}
    expected = {"one": 200, "admin": 200, "other": 404, "student": 404}
    found = {}
    for name, person in (("one", one), ("admin", admin), ("other", other), ("student", student)):
        found[name] = (await person.patch(path, json=work)).status_code
    assert found == expected
    shown = (await student.get(path)).json()
    assert (shown["user"]["id"], shown["specialization"], shown["qualification"], shown["experience_years"]) == (
        str(one.id), "Joinery", None, 12,
    )  # fmt: skip
    assert (await (await school.client()).get(path)).status_code == 401
    assert (await (await other_school.person("student")).get(path)).status_code == 404
    assert (await student.get(f"/users/{student.id}/instructor-profile")).status_code == 404
    own = await student.patch(f"/users/{student.id}/instructor-profile", json=work)
    assert codes_of(own) == [(409, "auth.not_an_instructor")]
    for wrong in ({"experience_years": -1}, {"experience_years": 81}, {"rating": 5}):
        assert (await one.patch(path, json=wrong)).status_code == 400


async def test_scope_decides_list_count_search_and_single_rows_alike(new_school: SchoolFactory) -> None:
    """A tenant that lets its instructors list and see the students who are assigned to them."""
    grants = {"instructor": {"auth.user.list": "assigned", "auth.user.read": "assigned"}}
    school = await new_school(settings={"roles": grants})
    admin, instructor, mine, other = [
        await school.person(role) for role in ("admin", "instructor", "student", "student")
    ]
    await admin.patch(f"/users/{mine.id}/file", json={"assigned_instructor": str(instructor.id)})
    both = {mine.id, instructor.id}
    for query, found in (("", both), ("?role=student", {mine.id}), ("?q=test", both)):
        page = (await instructor.get(f"/users{query}")).json()
        assert ({each["id"] for each in page["items"]}, page["total"]) == ({str(each) for each in found}, len(found))
    assert (await instructor.get(f"/users/{mine.id}")).status_code == 200
    assert (await instructor.get(f"/users/{other.id}")).status_code == 404
    assert (await instructor.patch(f"/users/{mine.id}", json={"bio": "Hers."})).status_code == 404
    assert (await admin.get("/users")).json()["total"] == 4
    assert (await other.get("/users")).status_code == 403


async def test_assigned_instructor_who_becomes_a_student_sees_nothing(staffroom: Staffroom, school: School) -> None:
    instructor = staffroom.people["assigned instructor"]
    await staffroom.people["admin"].patch(f"/users/{instructor.id}", json={"role": "student"})
    assert await living_sessions(school, instructor.id) != []
    assert (await instructor.get(f"{staffroom.path}/file")).status_code == 404
