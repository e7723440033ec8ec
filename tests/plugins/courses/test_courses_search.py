"""Looking for courses: words, stems, typing errors, categories with what is below them, counts of the list."""

from typing import Any

import asyncpg
import pytest

from kernel.testing import Person, School, SchoolFactory
from tests.plugins.courses.conftest import ask, draft, published, refused

TITLES = (
    "Typed Python for teams",
    "Photographs by window light",
    "Python, gently",
    "Baking bread",
    "Café culture in Vienna",
)


async def titles(person: Person, **query: Any) -> list[str]:
    """Return the titles of a list of courses."""
    return [item["title"] for item in (await ask(person, "GET", "/courses", params=query))["items"]]


@pytest.fixture
async def shelf(instructor: Person) -> None:
    """A few published courses."""
    for title in TITLES:
        await published(instructor, title=title)
    await published(instructor, title="Sourdough", description="How to bake bread that rises; python is a snake.")
    await published(instructor, title="Holz und Leim", language="de", short_description="Stühle bauen.")
    await published(instructor, title="برمجة بايثون للمبتدئين", language="ar")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("python teams", ["Typed Python for teams"]),
        ("PHOTOGRAPH", ["Photographs by window light"]),
        ("bake", ["Baking bread", "Sourdough"]),
        ('"window light"', ["Photographs by window light"]),
        ("stuhl", ["Holz und Leim"]),
        ("بايثون", ["برمجة بايثون للمبتدئين"]),
        ("pyhton teams", ["Typed Python for teams"]),
        ("photgraphs", ["Photographs by window light"]),
        ("photogr", ["Photographs by window light"]),
        ("cafe vienna", ["Café culture in Vienna"]),
        ("breda", ["Baking bread"]),
        ("xylophone", []),
        ("!!", []),
        ("'; DROP TABLE courses --", []),
        ("a" * 100, []),
    ],
)
@pytest.mark.usefixtures("shelf")
async def test_words_find_courses(student: Person, words: str, found: list[str]) -> None:
    assert sorted(await titles(student, q=words)) == sorted(found)


@pytest.mark.usefixtures("shelf")
async def test_titles_weigh_more_than_descriptions(student: Person) -> None:
    found = await titles(student, q="python")
    assert (set(found[:2]), found[2:]) == ({"Typed Python for teams", "Python, gently"}, ["Sourdough"])
    assert await titles(student, q="python", sort="title") == sorted(found)


async def test_stems_are_those_of_the_tenants_language(new_school: SchoolFactory) -> None:
    found = {}
    for locale in ("en", "de"):
        school = await new_school(settings={"general": {"locale": locale, "locales": [locale]}})
        await published(await school.person("instructor"), title="Learned", language="en")
        found[locale] = await titles(await school.person("student"), q="learning")
    assert found == {"en": ["Learned"], "de": []}


async def test_search_follows_changes_and_shows_no_drafts(instructor: Person, student: Person) -> None:
    course = await published(instructor, title="Weaving")
    await draft(instructor, title="Weaving in secret")
    assert await titles(student, q="weaving") == ["Weaving"]
    assert sorted(await titles(instructor, q="weaving", mine=True)) == ["Weaving", "Weaving in secret"]
    await ask(instructor, "PATCH", course.path, json={"title": "Knitting"})
    assert (await titles(student, q="weaving"), await titles(student, q="knitting")) == ([], ["Knitting"])


async def test_search_finds_nothing_of_another_school(instructor: Person, other_school: School) -> None:
    await published(instructor, title="Weaving")
    stranger = await other_school.person("admin")
    for words in ("weaving", "waeving"):
        page = await ask(stranger, "GET", "/courses", params={"q": words})
        assert (page["total"], page["facets"]["level"]) == (0, [])


async def test_order_by_relevance_needs_words(student: Person) -> None:
    assert await refused(student, "GET", "/courses?sort=relevance", status=400) == "kernel.invalid"


async def test_category_holds_what_is_below_it(instructor: Person, admin: Person, student: Person) -> None:
    parent: dict[str, Any] = {}
    for name in ("Crafts", "Wood", "Chairs"):
        body = {"name": name, "parent_id": parent.get("id")}
        parent = await ask(admin, "POST", "/categories", status=201, json=body)
        await published(instructor, title=f"All about {name}", category_id=parent["id"])
    assert len(await titles(student, category="crafts")) == 3
    assert sorted(await titles(student, category="wood")) == ["All about Chairs", "All about Wood"]
    assert await titles(student, category=parent["id"]) == ["All about Chairs"]


async def test_facets_count_the_whole_list(instructor: Person, admin: Person, student: Person) -> None:
    category = await ask(admin, "POST", "/categories", status=201, json={"name": "Crafts"})
    await published(instructor, title="One", category_id=category["id"], level="advanced", price="5")
    await published(instructor, title="Two", category_id=category["id"], language="de")
    await published(instructor, title="Three", price="5")
    await draft(instructor, title="Four", category_id=category["id"])

    page = await ask(student, "GET", "/courses", params={"limit": 1})
    assert (page["total"], page["facets"]) == (
        3,
        {
            "category": [{"id": category["id"], "name": "Crafts", "slug": "crafts", "count": 2}],
            "level": [{"value": "beginner", "count": 2}, {"value": "advanced", "count": 1}],
            "language": [{"value": "en", "count": 2}, {"value": "de", "count": 1}],
            "free": [{"value": "false", "count": 2}, {"value": "true", "count": 1}],
        },
    )
    narrowed = await ask(student, "GET", "/courses", params={"level": "advanced"})
    assert (narrowed["total"], narrowed["facets"]["language"]) == (1, [{"value": "en", "count": 1}])
    found = await ask(student, "GET", "/courses", params={"q": "two"})
    assert found["facets"]["category"][0]["count"] == 1


async def test_search_reads_its_indexes(school: School, instructor: Person) -> None:
    """As the role that the function runs as, over a few thousand courses."""
    add = """
        INSERT INTO courses.courses (id, title, slug, instructor_id, status, published_at)
        SELECT gen_random_uuid(), 'Lesson ' || md5(n::text), gen_random_uuid(), $1, 'published', now()
        FROM generate_series(1, 3000) n
    """
    async with school.db() as db:
        driver = await db.driver()
        await driver.execute(add, instructor.id)
    settings = school.deployment.settings
    owner = await asyncpg.connect(settings.owner_database_url.replace("+asyncpg", ""))
    operator = await asyncpg.connect(settings.operator_database_url.replace("+asyncpg", ""))
    try:
        await owner.execute("ANALYZE courses.courses")
        for index, condition in (
            ("ix_courses_tenant_id_search", "search @@ websearch_to_tsquery('simple', 'weaving')"),
            ("ix_courses_tenant_id_title", "'weaving' OPERATOR(kernel.<%) title"),
        ):
            rows = await operator.fetch(
                f"EXPLAIN SELECT id FROM courses.courses WHERE tenant_id = '{school.id}' AND {condition}"
            )
            plan = "\n".join(row[0] for row in rows)
            assert index in plan, plan
    finally:
        await owner.close()
        await operator.close()
