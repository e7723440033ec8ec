"""The list of courses: who sees what, filters, orders, pages, and what it costs."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

from kernel.testing import Person, School, SchoolFactory
from tests.plugins.courses.conftest import ask, draft, published, refused


async def titles(person: Person, **query: Any) -> list[str]:
    """Return the titles of a list of courses."""
    return [item["title"] for item in (await ask(person, "GET", "/courses", params=query))["items"]]


async def add_courses(school: School, author: Person, count: int) -> None:
    """Add published courses without anything in them."""
    async with school.db() as db:
        driver = await db.driver()
        await driver.execute(
            "INSERT INTO courses.courses (id, title, slug, instructor_id, status, published_at)"
            " SELECT gen_random_uuid(), 'Course ' || n, gen_random_uuid(), $1, 'published', now() - n * interval '1 h'"
            " FROM generate_series(1, $2) n",
            author.id,
            count,
        )


async def test_card_has_what_clients_show(instructor: Person, student: Person) -> None:
    course = await published(instructor, title="Chairs", short_description="Short.", price="3")
    page = await ask(student, "GET", "/courses")
    details = await ask(student, "GET", course.path)
    card = page["items"][0]
    assert card == {name: details[name] for name in card}
    assert set(card) == {
        "id", "title", "slug", "short_description", "thumbnail_url", "category", "instructor", "level", "language",
        "price", "currency", "is_free", "requires_code", "rating", "rating_count", "total_enrolled", "duration_hours",
        "status", "published_at", "is_featured",
    }  # fmt: skip
    assert (page["total"], page["limit"], page["offset"]) == (1, 20, 0)


async def test_everyone_sees_published_courses_and_authors_their_own(school: School, instructor: Person) -> None:
    colleague, student, admin = [await school.person(role) for role in ("instructor", "student", "admin")]
    await published(instructor, title="Open")
    hidden = await draft(instructor, title="Hidden")
    for person in (instructor, colleague, student, admin):
        assert await titles(person) == ["Open"]
    assert await titles(instructor, mine=True) == ["Hidden", "Open"]
    assert await titles(instructor, mine=True, status="draft") == ["Hidden"]
    assert await titles(colleague, mine=True) == []
    assert await titles(student, mine=True) == []
    assert await titles(admin, status="draft") == ["Hidden"]
    for person in (colleague, student):
        assert await refused(person, "GET", "/courses", status=403, params={"status": "draft"}) == "kernel.forbidden"
        assert await refused(person, "GET", hidden.path, status=404) == "courses.not_found"
        assert await refused(person, "GET", f"{hidden.path}/sections", status=404) == "courses.not_found"
        assert await refused(person, "GET", f"{hidden.path}/videos", status=404) == "courses.not_found"


async def test_strangers_see_a_public_catalogue_only(new_school: SchoolFactory) -> None:
    for public in (False, True):
        school = await new_school(settings={"courses": {"public_catalogue": public}})
        course = await published(await school.person("instructor"))
        await course.add_video(is_preview=True)
        stranger = await school.client()
        for path in ("/courses", course.path, f"{course.path}/sections", f"{course.path}/videos", course.sections[0]):
            assert (await stranger.get(path)).status_code == (200 if public else 401)
        for path in ("/categories", course.videos[1]):
            assert (await stranger.get(path)).status_code == (200 if public else 401)
        assert (await stranger.get("/courses?mine=true")).status_code == 401
        assert (await stranger.get(f"{course.videos[1]}/stream")).status_code == 401
        if public:
            shown = (await stranger.get(course.videos[1])).json()
            assert (shown["is_locked"], shown["video_url"], shown["progress"]) == (True, None, None)


async def test_filters(school: School, instructor: Person, student: Person) -> None:
    admin, colleague = await school.person("admin"), await school.person("instructor")
    category = await ask(admin, "POST", "/categories", status=201, json={"name": "Crafts"})
    await published(instructor, title="A", category_id=category["id"], level="advanced", price="5")
    await published(instructor, title="B", language="de", price="5", is_free=True)
    await published(colleague, title="C", level="advanced")
    for query, expected in (
        ({"category": category["id"]}, ["A"]),
        ({"category": "crafts"}, ["A"]),
        ({"category": "nothing"}, []),
        ({"category": str(uuid4())}, []),
        ({"level": "advanced"}, ["A", "C"]),
        ({"level": "advanced", "free": True}, ["C"]),
        ({"language": "de"}, ["B"]),
        ({"free": True}, ["B", "C"]),
        ({"free": False}, ["A"]),
        ({"instructor": str(colleague.id)}, ["C"]),
        ({"instructor": str(colleague.id), "category": "crafts"}, []),
    ):
        found = await ask(student, "GET", "/courses", params={"sort": "title", **query})
        assert ([item["title"] for item in found["items"]], found["total"]) == (expected, len(expected))


WRONG_QUERIES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"sort": "cheapest"}, "sort"),
    ({"level": "expert"}, "level"),
    ({"limit": 0}, "limit"),
    ({"offset": -1}, "offset"),
    ({"offset": 2**31}, "offset"),
    ({"instructor": "me"}, "instructor"),
    ({"colour": "red"}, "colour"),
    ({"category": "x" * 101}, "category"),
)


async def test_wrong_queries_are_named(student: Person) -> None:
    for query, field in WRONG_QUERIES:
        answer = await ask(student, "GET", "/courses", status=400, params=query)
        assert (query, [each["field"] for each in answer["errors"]]) == (query, [field])


async def test_orders_and_pages(school: School, instructor: Person, student: Person) -> None:
    for title, rating, enrolled in (("B", 4.5, 1), ("A", 4.5, 7), ("C", 5.0, 3)):
        course = await published(instructor, title=title)
        async with school.db() as db:
            driver = await db.driver()
            await driver.execute(
                "UPDATE courses.courses SET rating = $2, rating_count = $3, total_enrolled = $3 WHERE id = $1",
                course.id,
                Decimal(rating),
                enrolled,
            )
    assert await titles(student) == ["C", "A", "B"]
    assert await titles(student, sort="title") == ["A", "B", "C"]
    assert await titles(student, sort="rating") == ["C", "A", "B"]
    assert await titles(student, sort="popular") == ["A", "C", "B"]
    page = await ask(student, "GET", "/courses", params={"sort": "title", "limit": 2, "offset": 1})
    assert ([item["title"] for item in page["items"]], page["total"], page["limit"]) == (["B", "C"], 3, 2)
    beyond = await ask(student, "GET", "/courses", params={"offset": 9, "limit": 1000})
    assert (beyond["items"], beyond["total"], beyond["limit"], beyond["offset"]) == ([], 3, 100, 9)


async def test_list_of_30_costs_as_many_queries_as_of_1(
    school: School, student: Person, query_count: Callable[[], int]
) -> None:
    async def cost() -> int:
        before = query_count()
        await ask(student, "GET", "/courses", params={"limit": 100})
        return query_count() - before

    authors = [await school.person("instructor") for _ in range(3)]
    await published(authors[0])
    alone = await cost()
    for author in authors:
        await add_courses(school, author, 10)
    assert alone == await cost() == 3


async def test_first_page_reads_an_index(school: School, instructor: Person) -> None:
    """A thousand courses are not read to show twenty, also under row-level security."""
    await add_courses(school, instructor, 1000)
    async with school.db() as db:
        driver = await db.driver()
        plan = await driver.fetch(
            "EXPLAIN SELECT id FROM courses.courses WHERE status = 'published'"
            " ORDER BY published_at DESC, id DESC LIMIT 20"
        )
    assert "Index" in "\n".join(row[0] for row in plan)
    page = await ask(instructor, "GET", "/courses")
    assert (len(page["items"]), page["total"]) == (20, 1000)
