"""The order of a course's sections and videos, changed in one call."""

from collections.abc import Callable
from typing import Any

import pytest

from kernel.ids import new_id
from kernel.testing import Person
from tests.plugins.courses.conftest import Course, Deliver, ask, draft, refused


def id_of(path: str) -> str:
    """Return the id at the end of a path."""
    return path.rpartition("/")[2]


@pytest.fixture
async def course(instructor: Person) -> Course:
    """A course of two sections, two videos in the first one and one in the second."""
    made = await draft(instructor)
    first, second = await made.add_section(), await made.add_section()
    for section in (first, first, second):
        await made.add_video(section=section)
    return made


def order_of(course: Course, *sections: tuple[int, list[int]]) -> dict[str, Any]:
    """Return the body that asks for these sections with these videos, each by its place in the making."""
    return {
        "sections": [
            {"id": id_of(course.sections[section]), "videos": [id_of(course.videos[video]) for video in videos]}
            for section, videos in sections
        ]
    }


def shown(page: dict[str, Any]) -> dict[str, Any]:
    """Return what an answer shows, in the form of the request."""
    return {
        "sections": [
            {"id": section["id"], "videos": [video["id"] for video in section["videos"]]} for section in page["items"]
        ]
    }


async def test_sections_and_videos_move_in_one_call(course: Course, instructor: Person) -> None:
    wanted = order_of(course, (1, [1, 2]), (0, [0]))
    answered = await ask(instructor, "PUT", f"{course.path}/order", json=wanted)
    assert shown(answered) == wanted
    assert shown(await ask(instructor, "GET", f"{course.path}/sections")) == wanted
    # Once more changes nothing.
    assert shown(await ask(instructor, "PUT", f"{course.path}/order", json=wanted)) == wanted


async def test_order_must_name_everything_once(course: Course, instructor: Person) -> None:
    stranger = str(new_id())
    wrong = (
        (order_of(course, (0, [0, 1])), [f"section:{id_of(course.sections[1])}", f"video:{id_of(course.videos[2])}"]),
        (order_of(course, (0, [0, 1, 0]), (1, [2])), [f"video:{id_of(course.videos[0])}"]),
        (
            {"sections": [*order_of(course, (0, [0, 1]), (1, [2]))["sections"], {"id": stranger, "videos": []}]},
            [f"section:{stranger}"],
        ),
    )
    before = shown(await ask(instructor, "GET", f"{course.path}/sections"))
    for body, fields in wrong:
        answer = await ask(instructor, "PUT", f"{course.path}/order", status=409, json=body)
        assert (answer["code"], [each["field"] for each in answer["errors"]]) == ("courses.order_stale", fields)
    assert shown(await ask(instructor, "GET", f"{course.path}/sections")) == before


async def add_material(course: Course, section: int | None) -> str:
    """Add a link to a section of a course and return its id."""
    body = {"course_id": str(course.id), "title": "M", "external_url": "https://example.com/"}
    body |= {} if section is None else {"section_id": id_of(course.sections[section])}
    return str((await ask(course.author, "POST", "/materials", status=201, json=body))["id"])


def materials_of(page: dict[str, Any]) -> list[list[str]]:
    """Return the ids of the materials of each section."""
    return [[each["id"] for each in section["materials"]] for section in page["items"]]


async def test_materials_move_if_any_is_named(course: Course, instructor: Person) -> None:
    one, two, three = [await add_material(course, section) for section in (0, 0, 1)]
    whole = await add_material(course, None)
    body = order_of(course, (0, [0, 1]), (1, [2]))
    assert materials_of(await ask(instructor, "PUT", f"{course.path}/order", json=body)) == [[one, two], [three]]
    body["sections"][1]["materials"] = [three, two, one]
    assert materials_of(await ask(instructor, "PUT", f"{course.path}/order", json=body)) == [[], [three, two, one]]
    other = await draft(instructor)
    await other.add_section()
    foreign = await add_material(other, 0)
    for named, missing in (
        ([three, two], one),
        ([three, two, one, whole], whole),
        ([three, two, one, foreign], foreign),
    ):
        body["sections"][1]["materials"] = named
        answer = await ask(instructor, "PUT", f"{course.path}/order", status=409, json=body)
        assert [each["field"] for each in answer["errors"]] == [f"material:{missing}"]
    listed = (await ask(instructor, "GET", f"/materials?course_id={course.id}"))["items"]
    assert [each["id"] for each in listed] == [whole, three, two, one]


async def test_video_of_another_course_is_not_drawn_in(course: Course, instructor: Person) -> None:
    other = await draft(instructor)
    await other.add_section()
    await other.add_video()
    body = order_of(course, (0, [0, 1]), (1, [2]))
    body["sections"][1]["videos"].append(id_of(other.videos[0]))
    assert await refused(instructor, "PUT", f"{course.path}/order", status=409, json=body) == "courses.order_stale"


async def test_moving_a_video_out_of_sight_counts_anew(course: Course, instructor: Person, deliver: Deliver) -> None:
    await ask(instructor, "PATCH", course.sections[1], json={"is_published": False})
    await deliver()
    before = (await ask(instructor, "GET", course.path))["duration_hours"]
    await ask(instructor, "PUT", f"{course.path}/order", json=order_of(course, (0, [0]), (1, [1, 2])))
    await deliver()
    assert (before, (await ask(instructor, "GET", course.path))["duration_hours"]) == (0.06, 0.03)


async def test_order_costs_the_same_number_of_queries_for_many_videos(
    course: Course, instructor: Person, query_count: Callable[[], int]
) -> None:
    async def cost() -> int:
        wanted = shown(await ask(instructor, "GET", f"{course.path}/sections"))
        for section in wanted["sections"]:
            section["videos"].reverse()
        before = query_count()
        await ask(instructor, "PUT", f"{course.path}/order", json=wanted)
        return query_count() - before

    few = await cost()
    for _ in range(27):
        await course.add_video()
    assert await cost() == few
