"""Who may come in: every route of the plugin, for everyone. A new route without a row fails."""

from typing import Any

import pytest

from kernel.testing import Person, School
from plugins.courses.routes import ROUTES
from tests.plugins.courses.archived import course_archive
from tests.plugins.courses.conftest import VIDEO, Course, ask, draft, published
from tests.plugins.media.conftest import picture, upload

PEOPLE = ("stranger", "student", "enrolled", "owner", "colleague", "admin", "foreigner")
"""Who stands in which column; the foreigner is another school's administrator, at home there."""
VIDEO_BODY = VIDEO | {"duration_seconds": 10}
LINK = {"course_id": "{draft}", "title": "L", "external_url": "https://example.com/"}
REPORT = {"position": 0, "ranges": [], "total_seconds": 100}
# Method, path, body, and the status for each of PEOPLE; the texts of a body name ids as paths do. `{open}`,
# `{draft}` and `{empty}` are courses of the owner.
DOORS: tuple[tuple[str, str, Any, str], ...] = (
    ("GET", "/categories", None, "401 200 200 200 200 200 200"),
    ("GET", "/categories/{category}", None, "401 200 200 200 200 200 404"),
    ("POST", "/categories", {"name": "New"}, "401 403 403 403 403 201 201"),
    ("PATCH", "/categories/{category}", {"icon": "x"}, "401 403 403 403 403 200 404"),
    ("POST", "/categories/{category}/move", {"parent_id": None}, "401 403 403 403 403 200 404"),
    ("DELETE", "/categories/{gone_category}", None, "401 403 403 403 403 204 404"),
    ("GET", "/courses", None, "401 200 200 200 200 200 200"),
    ("GET", "/courses?mine=true", None, "401 200 200 200 200 200 200"),
    ("GET", "/courses?status=draft", None, "401 403 403 403 403 200 200"),
    ("POST", "/courses", {"title": "New"}, "401 403 403 201 201 201 201"),
    ("GET", "/courses/{open}", None, "401 200 200 200 200 200 404"),
    ("GET", "/courses/{draft}", None, "401 404 404 200 404 200 404"),
    ("GET", "/courses/{open}/cover", None, "401 200 200 200 200 200 404"),
    ("GET", "/courses/{draft}/cover", None, "401 404 404 200 404 200 404"),
    ("GET", "/courses/{open}/analytics", None, "401 403 403 200 404 200 404"),
    ("PATCH", "/courses/{open}", {"level": "advanced"}, "401 403 403 200 404 200 404"),
    ("PATCH", "/courses/{draft}", {"level": "advanced"}, "401 403 403 200 404 200 404"),
    ("DELETE", "/courses/{open}", None, "401 403 403 409 404 409 404"),
    ("POST", "/courses/{open}/duplicate", None, "401 403 403 201 404 201 404"),
    ("POST", "/courses/{open}/export", None, "401 403 403 202 404 202 404"),
    ("POST", "/courses/import", {"file_id": "{archive}"}, "401 403 403 202 404 404 404"),
    ("POST", "/courses/{open}/publish", None, "401 403 403 200 404 200 404"),
    ("POST", "/courses/{empty}/publish", None, "401 403 403 409 404 409 404"),
    ("GET", "/courses/{open}/sections", None, "401 200 200 200 200 200 404"),
    ("GET", "/courses/{draft}/sections", None, "401 404 404 200 404 200 404"),
    ("POST", "/courses/{draft}/sections", {"title": "S"}, "401 403 403 201 404 201 404"),
    ("GET", "/sections/{open_section}", None, "401 200 200 200 200 200 404"),
    ("GET", "/sections/{draft_section}", None, "401 404 404 200 404 200 404"),
    ("PATCH", "/sections/{draft_section}", {"title": "T"}, "401 403 403 200 404 200 404"),
    ("DELETE", "/sections/{gone_section}", None, "401 403 403 204 404 404 404"),
    ("GET", "/courses/{open}/videos", None, "401 200 200 200 200 200 404"),
    ("GET", "/courses/{draft}/videos", None, "401 404 404 200 404 200 404"),
    ("POST", "/sections/{draft_section}/videos", VIDEO_BODY, "401 403 403 201 404 201 404"),
    ("GET", "/videos/{open_video}", None, "401 200 200 200 200 200 404"),
    ("GET", "/videos/{draft_video}", None, "401 404 404 200 404 200 404"),
    ("PATCH", "/videos/{draft_video}", {"title": "T"}, "401 403 403 200 404 200 404"),
    ("DELETE", "/videos/{gone_video}", None, "401 403 403 204 404 404 404"),
    ("GET", "/videos/{open_video}/captions", None, "401 200 200 200 200 200 404"),
    ("GET", "/videos/{draft_video}/captions", None, "401 404 404 200 404 200 404"),
    # Those of the table are not on this server, so captions are refused to who may give them.
    ("PUT", "/videos/{open_video}/captions/{language}", None, "401 403 403 409 404 409 404"),
    ("DELETE", "/videos/{open_video}/captions/{language}", None, "401 403 403 409 404 409 404"),
    ("GET", "/videos/{open_video}/stream", None, "401 403 200 200 403 200 404"),
    ("GET", "/videos/{draft_video}/stream", None, "401 404 404 200 404 200 404"),
    ("POST", "/videos/{open_video}/progress", REPORT, "401 403 200 200 403 200 404"),
    ("POST", "/videos/{draft_video}/progress", REPORT, "401 404 404 200 404 200 404"),
    ("GET", "/materials", None, "401 200 200 200 200 200 200"),
    ("GET", "/materials?course_id={open}", None, "401 200 200 200 200 200 404"),
    ("GET", "/materials?course_id={draft}", None, "401 404 404 200 404 200 404"),
    ("POST", "/materials", LINK, "401 403 403 201 404 201 404"),
    ("GET", "/materials/{open_material}", None, "401 200 200 200 200 200 404"),
    ("GET", "/materials/{draft_material}", None, "401 404 404 200 404 200 404"),
    ("GET", "/materials/{open_material}/download", None, "401 403 200 200 403 200 404"),
    ("GET", "/materials/{draft_material}/download", None, "401 404 404 200 404 200 404"),
    ("PATCH", "/materials/{open_material}", {"title": "T"}, "401 403 403 200 404 200 404"),
    ("DELETE", "/materials/{draft_material}", None, "401 403 403 204 404 404 404"),
    ("GET", "/enrollments", None, "401 200 200 200 200 200 200"),
    ("GET", "/courses/{open}/students", None, "401 403 403 200 404 200 404"),
    ("GET", "/courses/{open}/students/export", None, "401 403 403 200 404 200 404"),
    ("POST", "/courses/{open}/enroll", None, "401 403 200 403 403 403 403"),
    ("POST", "/courses/{draft}/enroll", None, "401 404 404 403 403 403 403"),
    ("GET", "/courses/{open}/reviews", None, "401 200 200 200 200 200 404"),
    ("GET", "/courses/{draft}/reviews", None, "401 404 404 200 404 200 404"),
    ("POST", "/courses/{open}/reviews", {"rating": 4}, "401 403 201 403 403 403 403"),
    ("PATCH", "/reviews/{review}", {"rating": 4}, "401 404 404 403 403 403 403"),
    ("PUT", "/reviews/{review}/reply", {"text": "Thanks."}, "401 403 403 200 404 200 404"),
    ("DELETE", "/reviews/{review}/reply", None, "401 403 403 200 404 200 404"),
    ("DELETE", "/reviews/{review}", None, "401 404 404 404 404 204 404"),
    ("DELETE", "/courses/{open}/enroll", None, "401 404 204 403 403 403 403"),
    ("PUT", "/courses/{open}/order", {"sections": []}, "401 403 403 409 404 409 404"),
    ("POST", "/courses/{draft}/submit", None, "401 403 403 200 404 409 404"),
    ("POST", "/courses/{draft}/withdraw", None, "401 403 403 200 404 409 404"),
    ("POST", "/courses/{draft}/approve", None, "401 403 403 403 403 409 404"),
    ("POST", "/courses/{draft}/reject", {"reason": "No."}, "401 403 403 403 403 409 404"),
    ("PUT", "/courses/{open}/feature", None, "401 403 403 403 403 200 404"),
    ("DELETE", "/courses/{open}/feature", None, "401 403 403 403 403 200 404"),
    ("POST", "/courses/{open}/archive", None, "401 403 403 200 404 409 404"),
)


@pytest.fixture
async def places(school: School, instructor: Person, admin: Person) -> dict[str, str]:
    """The ids that stand for the names in the paths."""
    opened = await published(instructor)
    closed = await draft(instructor)
    await closed.add_section()
    await closed.add_video()
    category, gone_category = [
        await ask(admin, "POST", "/categories", status=201, json={"name": "C"}) for _ in range(2)
    ]
    cover = {"cover_file_id": (await upload(instructor, picture(), kind="image"))["id"]}
    for course in (opened, closed):
        await ask(instructor, "PATCH", course.path, json=cover)
    spare = await published(instructor, 10, 10)
    classmate = await school.person("student")
    await ask(classmate, "POST", f"{opened.path}/enroll", status=201)
    links = [LINK | {"course_id": str(course.id)} for course in (opened, closed)]
    open_material, draft_material = [
        await ask(instructor, "POST", "/materials", status=201, json=link) for link in links
    ]
    review = await ask(classmate, "POST", f"{opened.path}/reviews", status=201, json={"rating": 5})
    return {
        "open": str(opened.id),
        "draft": str(closed.id),
        "empty": str((await draft(instructor)).id),
        "open_section": _id(opened.sections[0]),
        "draft_section": _id(closed.sections[0]),
        "open_video": _id(opened.videos[0]),
        "draft_video": _id(closed.videos[0]),
        "language": "en",
        "gone_section": _id(await spare.add_section()),
        "gone_video": _id(spare.videos[0]),
        "category": category["id"],
        "gone_category": gone_category["id"],
        "review": review["id"],
        "archive": (await upload(instructor, course_archive(), kind="archive"))["id"],
        "open_material": open_material["id"],
        "draft_material": draft_material["id"],
    }


def _id(path: str) -> str:
    return path.rpartition("/")[2]


async def test_every_door(
    school: School, other_school: School, instructor: Person, admin: Person, places: dict[str, str]
) -> None:
    enrolled = await school.person("student")
    await ask(enrolled, "POST", f"/courses/{places['open']}/enroll", status=201)
    course = Course(instructor, {"id": places["open"]})
    await ask(instructor, "PATCH", course.path, json={"requires_code": True})
    clients: dict[str, Any] = {
        "stranger": await school.client(),
        "student": await school.person("student"),
        "enrolled": enrolled,
        "owner": instructor,
        "colleague": await school.person("instructor"),
        "admin": admin,
        "foreigner": await other_school.person("admin"),
    }
    found = []
    for method, path, body, _ in DOORS:
        where, what = path.format(**places), _filled(body, places)
        answers = [await clients[who].request(method, where, json=what) for who in PEOPLE]
        found.append((method, path, body, " ".join(str(answer.status_code) for answer in answers)))
    assert found == list(DOORS)


def _filled(body: Any, places: dict[str, str]) -> Any:
    """Return a body with the ids that its texts name."""
    if not isinstance(body, dict):
        return body
    return {name: value.format(**places) if isinstance(value, str) else value for name, value in body.items()}


def test_every_route_stands_in_the_table() -> None:
    """Each row is walked by the test above; here each route has a row."""
    rows = {(method, _shape(path)) for method, path, _, _ in DOORS}
    routes = {(method, _shape(path)) for handler in ROUTES for path in handler.paths for method in handler.http_methods}
    assert routes == rows


def _shape(path: str) -> tuple[str, ...]:
    return tuple("{}" if part.startswith("{") else part for part in path.partition("?")[0].split("/"))


async def test_a_token_of_another_school_is_none(school: School, other_school: School) -> None:
    foreigner = await other_school.person("admin")
    client = await school.client(Authorization=foreigner.client.headers["Authorization"])
    for method, path, body, _ in DOORS:
        answer = await client.request(method, path.split("{")[0], json=body)
        assert answer.status_code in (401, 404, 405), (method, path)


async def test_everything_is_gone_where_the_plugin_does_not_act(new_school: Any, places: dict[str, str]) -> None:
    without = await new_school(plugins=["auth", "media"])
    admin = await without.person("admin")
    for method, path, body, _ in DOORS:
        answer = await admin.request(method, path.format(**places), json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "plugin_not_enabled"), (method, path)
