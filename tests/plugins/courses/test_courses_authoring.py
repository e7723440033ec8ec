"""Making courses: fields, slugs, categories, curriculum, publishing, deleting."""

import asyncio
from collections.abc import Callable
from uuid import uuid4

import asyncpg
import pytest

from kernel.constraints import constraint_errors
from kernel.errors import Conflict
from kernel.testing import Person, School, SchoolFactory
from plugins.courses.actions.slugs import COURSE_NUMBER, take_slug
from plugins.courses.errors import SlugTaken
from tests.plugins.courses.conftest import VIDEO, Course, Deliver, ask, draft, published, refused


async def test_course_is_a_draft_of_its_maker(school: School, instructor: Person) -> None:
    body = {
        "title": "Tables & chairs",
        "short_description": "Short.",
        "description": "Long.",
        "level": "advanced",
        "language": "de",
        "price": "19.9",
        "requires_code": True,
        "max_students": 30,
    }
    made = await ask(instructor, "POST", "/courses", status=201, json=body)
    shown = await ask(instructor, "GET", f"/courses/{made['id']}")
    assert shown == made
    assert {name: made[name] for name in body} == {**body, "price": "19.90"}
    assert made["instructor"] == {
        "id": str(instructor.id),
        "first_name": "Instructor",
        "last_name": "Test",
        "avatar_url": None,
    }
    rest = {name: made[name] for name in ("slug", "status", "is_published", "published_at", "is_free", "currency")}
    assert rest == {
        "slug": "tables-chairs",
        "status": "draft",
        "is_published": False,
        "published_at": None,
        "is_free": False,
        "currency": "USD",
    }
    counters = ("rating", "rating_count", "total_enrolled", "duration_hours", "enrollment", "category")
    assert [made[name] for name in counters] == [0.0, 0, 0, 0.0, None, None]


WRONG_COURSES: tuple[tuple[dict[str, object], str], ...] = (
    ({"title": ""}, "title"),
    ({"title": "  "}, "title"),
    ({}, "title"),
    ({"title": "A", "price": "-1"}, "price"),
    ({"title": "A", "price": "1.999"}, "price"),
    ({"title": "A", "price": "1\n"}, "price"),
    ({"title": "A", "price": 5}, "price"),
    ({"title": "A", "max_students": 0}, "max_students"),
    ({"title": "A", "level": "expert"}, "level"),
    ({"title": "A", "language": "deutsch"}, "language"),
    ({"title": "A", "instructor_id": str(uuid4())}, "instructor_id"),
    ({"title": "A", "status": "published"}, "status"),
    ({"title": "A", "total_enrolled": 5}, "total_enrolled"),
    ({"title": "A", "rating": "5"}, "rating"),
    ({"title": "A", "tenant_id": str(uuid4())}, "tenant_id"),
)


async def test_wrong_and_forbidden_fields_are_named(instructor: Person) -> None:
    for body, field in WRONG_COURSES:
        answer = await ask(instructor, "POST", "/courses", status=400, json=body)
        assert (body, [each["field"] for each in answer["errors"]]) == (body, [field])


async def test_slug_counts_up_and_an_explicit_one_must_be_free(instructor: Person) -> None:
    slugs = [(await draft(instructor, title="Woodwork!")).made["slug"] for _ in range(3)]
    assert slugs == ["woodwork", "woodwork-2", "woodwork-3"]
    chosen = await draft(instructor, title="Other", slug="My Slug")
    assert chosen.made["slug"] == "my-slug"
    body = {"title": "Again", "slug": "my-slug"}
    assert await refused(instructor, "POST", "/courses", status=409, json=body) == "courses.slug_taken"
    change = {"slug": "woodwork"}
    assert await refused(instructor, "PATCH", chosen.path, status=409, json=change) == "courses.slug_taken"


async def test_slugs_stay_unique_in_a_race(instructor: Person) -> None:
    made = await asyncio.gather(*(draft(instructor, title="Race") for _ in range(12)))
    slugs = {course.made["slug"] for course in made}
    assert len(slugs) == 12
    assert slugs >= {"race", "race-2"}


async def test_search_for_a_free_slug_ends(school: School) -> None:
    async def never(_slug: str) -> bool:
        return False

    async with school.db() as db:
        with pytest.raises(Conflict):
            await take_slug(db, "Race", COURSE_NUMBER, never)


def test_constraint_without_a_meaning_stays_what_it_is() -> None:
    with pytest.raises(asyncpg.UniqueViolationError), constraint_errors(uq_of_another=SlugTaken):
        raise asyncpg.UniqueViolationError


async def test_same_slug_in_another_school_is_no_conflict(instructor: Person, other_school: School) -> None:
    stranger = await other_school.person("instructor")
    assert (await draft(instructor)).made["slug"] == (await draft(stranger)).made["slug"] == "a-course"


async def test_patch_changes_what_it_names(instructor: Person, admin: Person) -> None:
    course = await draft(instructor, short_description="Old", price="5")
    category = await ask(admin, "POST", "/categories", status=201, json={"name": "Crafts"})
    change = {"title": "New", "short_description": None, "price": "7.50", "category_id": category["id"]}
    changed = await ask(instructor, "PATCH", course.path, json=change)
    expected = {**course.made, **change, "category": {"id": category["id"], "name": "Crafts", "slug": "crafts"}}
    del expected["category_id"]
    assert changed == {**expected, "updated_at": changed["updated_at"]}
    assert await ask(instructor, "PATCH", course.path, json={}) == changed
    missing = {"category_id": str(uuid4())}
    assert await refused(instructor, "PATCH", course.path, status=404, json=missing) == "courses.category_not_found"


async def test_nobody_else_changes_a_course(school: School, instructor: Person, admin: Person) -> None:
    course = await published(instructor)
    colleague = await school.person("instructor")
    for method, path, body in (
        ("PATCH", course.path, {"title": "Mine"}),
        ("DELETE", course.path, None),
        ("POST", f"{course.path}/publish", None),
        ("POST", f"{course.path}/sections", {"title": "Mine"}),
        ("PATCH", course.sections[0], {"title": "Mine"}),
        ("DELETE", course.sections[0], None),
        ("POST", f"{course.sections[0]}/videos", {**VIDEO, "duration_seconds": 1}),
        ("PATCH", course.videos[0], {"title": "Mine"}),
        ("DELETE", course.videos[0], None),
        ("GET", f"{course.path}/students", None),
    ):
        answer = await colleague.request(method, path, json=body)
        assert (method, path, answer.status_code) == (method, path, 404)
    changed = await ask(admin, "PATCH", course.path, json={"title": "The admin's"})
    assert changed["instructor"]["id"] == str(instructor.id)


async def test_publishing_names_what_is_missing_and_happens_once(instructor: Person, student: Person) -> None:
    course = await draft(instructor)
    answer = await ask(instructor, "POST", f"{course.path}/publish", status=409)
    assert (answer["code"], [each["field"] for each in answer["errors"]]) == (
        "courses.incomplete",
        ["sections", "videos"],
    )
    await course.add_section()
    await course.add_video(is_published=False)
    answer = await ask(instructor, "POST", f"{course.path}/publish", status=409)
    assert [each["field"] for each in answer["errors"]] == ["videos"]
    await ask(instructor, "PATCH", course.videos[0], json={"is_published": True})
    assert await refused(student, "GET", course.path, status=404) == "courses.not_found"
    first = await ask(instructor, "POST", f"{course.path}/publish")
    assert (first["status"], first["is_published"]) == ("published", True)
    assert await ask(instructor, "POST", f"{course.path}/publish") == first
    assert (await ask(student, "GET", course.path))["published_at"] == first["published_at"]


async def test_where_review_is_required_admins_publish(new_school: SchoolFactory) -> None:
    school = await new_school(settings={"courses": {"review_required": True}})
    author = await school.person("instructor")
    course = await draft(author)
    await course.add_section()
    await course.add_video()
    assert await refused(author, "POST", f"{course.path}/publish", status=403) == "courses.review_required"
    assert (await ask(await school.person("admin"), "POST", f"{course.path}/publish"))["status"] == "published"


async def test_deleting_takes_the_curriculum_and_spares_who_is_enrolled(instructor: Person, student: Person) -> None:
    course = await published(instructor)
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    await ask(student, "DELETE", f"{course.path}/enroll", status=204)
    assert await refused(instructor, "DELETE", course.path, status=409) == "courses.has_enrollments"
    empty = await published(instructor)
    await ask(instructor, "DELETE", empty.path, status=204)
    assert await refused(instructor, "GET", empty.path, status=404) == "courses.not_found"
    assert await refused(instructor, "GET", empty.sections[0], status=404) == "courses.section_not_found"
    assert await refused(instructor, "GET", empty.videos[0], status=404) == "courses.video_not_found"


async def test_sections_and_videos_keep_their_order(instructor: Person) -> None:
    course = await draft(instructor)
    first = await course.add_section(title="First")
    second = await course.add_section(title="Second")
    await course.add_section(title="Before", sort_order=0)
    await course.add_video(section=second, title="Late")
    await course.add_video(section=first, title="One")
    await course.add_video(section=first, title="Two")
    await ask(instructor, "PATCH", first, json={"sort_order": 0, "description": "Moved"})
    page = await ask(instructor, "GET", f"{course.path}/sections")
    shown = [(each["title"], [video["title"] for video in each["videos"]]) for each in page["items"]]
    assert shown == [("First", ["One", "Two"]), ("Before", []), ("Second", ["Late"])]
    assert (page["total"], page["limit"], page["offset"]) == (3, 100, 0)
    listed = await ask(instructor, "GET", f"{course.path}/videos", params={"limit": 2, "offset": 1})
    assert ([video["title"] for video in listed["items"]], listed["total"]) == (["Two", "Late"], 3)
    rest = await ask(instructor, "GET", f"{course.path}/sections", params={"limit": 1, "offset": 2})
    assert ([each["title"] for each in rest["items"]], rest["total"]) == (["Second"], 3)
    await ask(instructor, "DELETE", first, status=204)
    assert await refused(instructor, "GET", first, status=404) == "courses.section_not_found"
    assert (await ask(instructor, "GET", f"{course.path}/videos"))["total"] == 1


async def test_unpublished_parts_are_their_authors_alone(instructor: Person, student: Person, admin: Person) -> None:
    course = await published(instructor)
    hidden = await course.add_video(title="Hidden", is_published=False)
    closed = await course.add_section(title="Closed", is_published=False)
    inside = await course.add_video(title="Inside")
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    for person, sections, videos in ((student, 1, 1), (instructor, 2, 3), (admin, 2, 3)):
        assert (await ask(person, "GET", f"{course.path}/sections"))["total"] == sections
        assert (await ask(person, "GET", f"{course.path}/videos"))["total"] == videos
    for path in (hidden, closed, inside):
        assert (await student.get(path)).status_code == 404
        assert (await instructor.get(path)).status_code == 200
    assert [video["title"] for video in (await ask(student, "GET", course.sections[0]))["videos"]] == ["A video"]


async def test_video_sources(instructor: Person) -> None:
    course = await draft(instructor)
    section = await course.add_section()
    for fields, code in (
        ({"video_type": "youtube_private"}, "courses.source_invalid"),
        ({"video_type": "server_upload", "video_url": None}, "courses.source_invalid"),
        ({"video_type": "server_upload", "video_url": None, "file_id": str(uuid4())}, "media.file_not_found"),
    ):
        body = VIDEO | {"duration_seconds": 5} | fields
        status = 404 if code == "media.file_not_found" else 400
        assert await refused(instructor, "POST", f"{section}/videos", status=status, json=body) == code
    for url in ("http://example.com/a", "https://example.com/\n", "javascript:alert(1)"):
        body = VIDEO | {"duration_seconds": 5, "video_url": url}
        assert await refused(instructor, "POST", f"{section}/videos", status=400, json=body) == "kernel.invalid"
    video = await course.add_video()
    change = {"video_type": "youtube_private", "youtube_id": "dQw4w9WgXcQ"}
    changed = await ask(instructor, "PATCH", video, json=change)
    assert (changed["youtube_id"], changed["video_url"], changed["file_id"]) == ("dQw4w9WgXcQ", None, None)
    assert await ask(instructor, "PATCH", video, json={}) == changed
    refusal = await refused(instructor, "PATCH", video, status=400, json={"video_url": "https://example.com/a"})
    assert refusal == "courses.source_invalid"


async def test_file_must_be_ones_own(school: School, instructor: Person, admin: Person) -> None:
    mp4 = (24).to_bytes(4) + b"ftypisom\x00\x00\x02\x00isommp42" + bytes(5000)
    file = await ask(instructor, "POST", "/upload/video", status=201, files={"file": ("a.mp4", mp4, "video/mp4")})
    colleague = await school.person("instructor")
    body = {"title": "V", "video_type": "server_upload", "file_id": file["id"], "duration_seconds": 5}
    for person, status in ((colleague, 404), (instructor, 201), (admin, 201)):
        section = await (await draft(person)).add_section()
        await ask(person, "POST", f"{section}/videos", status=status, json=body)
    course = await draft(admin)
    await course.add_section()
    other = await course.add_video(title="Other")
    await ask(admin, "PATCH", other, json={"video_type": "server_upload", "file_id": file["id"]})
    stream = await ask(admin, "GET", f"{other}/stream")
    assert (stream["type"], (await admin.get(f"http://{school.host}{stream['url']}")).content) == ("file", mp4)


async def test_hours_follow_the_curriculum(instructor: Person, deliver: Deliver) -> None:
    course = await published(instructor, 1800, 900)
    await course.add_video(seconds=3600, is_published=False)
    await deliver()
    assert (await ask(instructor, "GET", course.path))["duration_hours"] == 0.75
    await ask(instructor, "PATCH", course.videos[2], json={"is_published": True})
    await ask(instructor, "DELETE", course.videos[0], status=204)
    await deliver()
    assert (await ask(instructor, "GET", course.path))["duration_hours"] == 1.25
    await ask(instructor, "PATCH", course.sections[0], json={"is_published": False})
    await deliver()
    assert (await ask(instructor, "GET", course.path))["duration_hours"] == 0.0


async def test_categories(admin: Person, student: Person, instructor: Person) -> None:
    top = await ask(admin, "POST", "/categories", status=201, json={"name": "Crafts", "icon": "hammer"})
    assert (top["slug"], top["parent_id"], top["is_active"]) == ("crafts", None, True)
    below = await ask(admin, "POST", "/categories", status=201, json={"name": "Crafts", "parent_id": top["id"]})
    assert below["slug"] == "crafts-2"
    hidden = await ask(admin, "POST", "/categories", status=201, json={"name": "Old", "is_active": False})
    path = f"/categories/{top['id']}"
    assert await ask(student, "GET", path) == top
    assert (await ask(student, "GET", "/categories"))["items"] == [top, below]
    assert (await ask(admin, "GET", "/categories"))["total"] == 3
    assert await refused(student, "GET", f"/categories/{hidden['id']}", status=404) == "courses.category_not_found"
    chosen = {"name": "Music", "slug": "Loud & Quiet"}
    assert (await ask(admin, "POST", "/categories", status=201, json=chosen))["slug"] == "loud-quiet"
    assert await refused(admin, "POST", "/categories", status=409, json=chosen) == "courses.slug_taken"
    cycle = {"parent_id": below["id"]}
    assert await refused(admin, "PATCH", path, status=409, json=cycle) == "courses.category_cycle"
    taken = {"slug": "crafts-2"}
    assert await refused(admin, "PATCH", path, status=409, json=taken) == "courses.slug_taken"
    orphan = {"name": "X", "parent_id": str(uuid4())}
    assert await refused(admin, "POST", "/categories", status=404, json=orphan) == "courses.category_not_found"
    assert (await ask(admin, "PATCH", path, json={"name": "Arts", "sort_order": 5}))["slug"] == "crafts"
    course = await draft(instructor, category_id=top["id"])
    await ask(admin, "DELETE", path, status=204)
    assert (await ask(instructor, "GET", course.path))["category"] is None
    assert (await ask(admin, "GET", f"/categories/{below['id']}"))["parent_id"] is None


async def test_two_moves_cannot_make_a_circle_together(admin: Person) -> None:
    one = await ask(admin, "POST", "/categories", status=201, json={"name": "One"})
    two = await ask(admin, "POST", "/categories", status=201, json={"name": "Two"})
    answers = await asyncio.gather(
        admin.patch(f"/categories/{one['id']}", json={"parent_id": two["id"]}),
        admin.patch(f"/categories/{two['id']}", json={"parent_id": one["id"]}),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


@pytest.mark.parametrize("path", ["sections", "videos"])
async def test_curriculum_of_30_costs_as_many_queries_as_of_1(
    instructor: Person, student: Person, query_count: Callable[[], int], path: str
) -> None:
    async def cost(course: Course) -> int:
        before = query_count()
        await ask(student, "GET", f"{course.path}/{path}")
        return query_count() - before

    small = await published(instructor)
    large = await published(instructor)
    for _ in range(5):
        await large.add_section()
        for _ in range(6):
            await large.add_video()
    assert await cost(small) == await cost(large) == {"sections": 5, "videos": 3}[path]
