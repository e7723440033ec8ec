"""The audit log: filtered, paged, exported."""

import csv
import io
from collections.abc import Callable
from typing import Any

from kernel.audit import note
from kernel.ids import new_id
from kernel.testing import Person, School


async def entries(person: Person, **filters: Any) -> list[dict[str, Any]]:
    answer = await person.get("/audit-logs", params=filters)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def write(school: School, count: int, **values: Any) -> None:
    for number in range(count):
        async with school.db() as db:
            await note(db, "test.thing.done", entity_type="test.things", new={"number": number, **values})


async def test_log_is_paged_by_its_last_entry(school: School) -> None:
    admin = await school.person("admin")
    await write(school, 7)
    seen, pages, before = [], 0, None
    while True:
        params: dict[str, Any] = {"action": "test.thing.done", "limit": 3, **({"before": before} if before else {})}
        page = (await admin.get("/audit-logs", params=params)).json()
        seen += [item["new_values"]["number"] for item in page["items"]]
        pages, before = pages + 1, page["next_before"]
        if before is None:
            break

    assert (seen, pages) == ([6, 5, 4, 3, 2, 1, 0], 3)
    assert (await admin.get("/audit-logs", params={"before": str(new_id())})).json()["items"] == []


async def test_log_is_filtered(school: School) -> None:
    admin = await school.person("admin")
    other = await school.person("admin")
    await other.patch(f"/users/{other.id}", json={"city": "Cairo"})
    await write(school, 1)
    [changed] = await entries(
        admin, user=str(other.id), entity="auth.user_profiles", action="auth.user_profiles.updated"
    )

    assert (changed["old_values"], changed["new_values"]) == ({"city": None}, {"city": "Cairo"})
    assert changed["user"] == {"id": str(other.id), "first_name": "Admin", "last_name": "Test", "avatar_url": None}
    assert await entries(admin, entity_id=changed["entity_id"], user=str(other.id)) == [changed]
    moment = changed["created_at"]
    assert moment not in [each["created_at"] for each in await entries(admin, to=moment)]
    assert moment in [each["created_at"] for each in await entries(admin, **{"from": moment})]
    assert [each["action"] for each in await entries(admin, entity="test.things")] == ["test.thing.done"]
    for wrong in ({"from": "yesterday"}, {"user": "me"}, {"acton": "x"}, {"limit": "0"}):
        assert (await admin.get("/audit-logs", params=wrong)).status_code == 400


async def test_long_log_costs_no_more_queries(school: School, query_count: Callable[[], int]) -> None:
    admin = await school.person("admin")
    people = [await school.person("student") for _ in range(3)]
    counts = []
    for person in [None, *people]:
        async with school.db(person.id if person else None) as db:
            for number in range(10):
                await note(db, "test.thing.done", entity_type="test.things", new={"number": number})
        before = query_count()
        await entries(admin, action="test.thing.done", limit=100)
        counts.append(query_count() - before)

    assert counts[1:] == [counts[1]] * 3
    assert counts[0] <= counts[1]


async def test_export_holds_everything_no_formula_and_is_recorded(school: School, other_school: School) -> None:
    admin = await school.person("admin")
    async with school.db() as db:
        await note(db, "=cmd|' /C calc'!A0", entity_type="@things", new={"text": "=1"})
    await write(other_school, 1)

    answer = await admin.get("/audit-logs/export", params={"entity": "@things"})

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="audit-log.csv"'
    header, row = csv.reader(io.StringIO(answer.text))
    found = dict(zip(header, row, strict=True))
    assert (found["action"], found["entity_type"]) == ("'=cmd|' /C calc'!A0", "'@things")
    assert found["new_values"] == '{"text":"=1"}'
    [entry] = await entries(admin, action="admin.audit_log.exported")
    assert (entry["user_id"], entry["new_values"]) == (str(admin.id), {"entity_type": "@things"})


async def test_long_export_is_sent_in_pieces_and_whole(school: School, query_count: Callable[[], int]) -> None:
    admin = await school.person("admin")
    async with school.db() as db:
        driver = await db.driver()
        await driver.execute(
            "INSERT INTO kernel.audit_logs (id, action, entity_type, new_values, created_at)"
            " SELECT gen_random_uuid(), 'test.thing.done', 'test.things', jsonb_build_object('number', n), now()"
            " FROM generate_series(1, 2500) n"
        )

    answer = await admin.get("/audit-logs/export", params={"action": "test.thing.done"})

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert sorted(row["new_values"] for row in rows) == sorted(f'{{"number":{n}}}' for n in range(1, 2501))


async def test_export_refuses_a_moment_that_cannot_be_before_it_begins(school: School) -> None:
    admin = await school.person("admin")

    answer = await admin.get("/audit-logs/export", params={"from": "0001-01-01T00:00:00+14:00"})

    assert (answer.status_code, answer.json()["code"]) == (400, "kernel.invalid")
    assert await entries(admin, action="admin.audit_log.exported") == []
