"""Notes in the audit log, refusals among them, and how long they are kept."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from kernel.audit import AuditFilter, audit_rows, note, prune
from kernel.db import Database, Origin
from kernel.ids import new_id
from kernel.refusals import Refusals
from kernel.testing import School
from tests.kernel.conftest import Process


async def actions(school: School) -> list[str]:
    async with school.db() as db:
        return [row.action for row in await audit_rows(db, AuditFilter(), before=None, limit=100)]


async def grown_old(school: School, action: str, days: float) -> None:
    async with school.deployment.operator_session(None, "test") as db:
        driver = await db.driver()
        when = datetime.now(UTC) - timedelta(days=days)
        statement = "UPDATE kernel.audit_logs SET created_at = $1 WHERE tenant_id = $2 AND action = $3"
        await driver.execute(statement, when, school.id, action)


@pytest.mark.parametrize(("days", "kept"), [(None, 90), (30, 30), (400, 400)])
async def test_log_forgets_what_is_older_than_the_tenant_keeps(lab: Process, days: int | None, kept: int) -> None:
    settings = {"security": {"audit_log_days": days}} if days else {}
    school, other = await lab.school(settings=settings), await lab.school()
    for each in (school, other):
        for name, age in (("old", kept + 0.1), ("young", kept - 0.1)):
            async with each.db() as db:
                await note(db, f"test.{name}", entity_type="test")
            await grown_old(each, f"test.{name}", age)
    worker = Database(lab.deployment.settings.worker_database_url, deployment=lab.deployment, pool_size=1)

    async with worker.transaction(Origin(school.id), school.tenant) as db:
        await prune(db)

    await worker.close()
    assert await actions(school) == ["test.young"]
    assert sorted(await actions(other)) == ["test.old", "test.young"]


async def test_servers_forget_nothing(school: School) -> None:
    async with school.db() as db:
        await note(db, "test.done", entity_type="test")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with school.db() as db:
            await prune(db)

    assert await actions(school) == ["test.done"]


async def test_note_is_gone_with_its_transaction(school: School) -> None:
    with suppress(RuntimeError):
        async with school.db() as db:
            await note(db, "test.done", entity_type="test")
            raise RuntimeError

    assert await actions(school) == []


def request_of(school: School, user_id: Any) -> dict[str, Any]:
    origin = Origin(school.id, user_id, "a-request", "192.0.2.1", "Browser")
    state = {"origin": origin, "tenant": school.tenant}
    return {"state": state, "method": "GET", "path": "/api/v1/things/" + "x" * 300}


async def test_refusals_are_written_once_for_each_actor_and_permission(
    lab: Process, school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals, one, two = Refusals(lab.deployment.database), request_of(school, new_id()), request_of(school, new_id())
    for request, permission in ((one, "a"), (one, "a"), (one, "b"), (two, "a"), (one, "a")):
        await refusals.record(request, permission)
    assert await actions(school) == ["kernel.permission.refused"] * 3

    monkeypatch.setattr("kernel.refusals._AGAIN_AFTER_S", 0.0)
    await refusals.record(one, "a")
    async with school.db() as db:
        [row] = await audit_rows(db, AuditFilter(), before=None, limit=1)
    assert row.new_values is not None
    assert len(row.new_values["path"]) == 200
    assert (row.user_id, row.ip_address, row.user_agent) == (one["state"]["origin"].actor_id, "192.0.2.1", "Browser")


async def test_refusal_stands_although_it_cannot_be_recorded(lab: Process, school: School) -> None:
    nowhere = lab.deployment.settings.database_url.replace("?", "x?", 1)
    broken = Database(nowhere, deployment=lab.deployment, pool_size=1)

    await Refusals(broken).record(request_of(school, new_id()), "a")

    await broken.close()
    assert await actions(school) == []


async def test_refusals_are_kept_in_mind_within_bounds(
    lab: Process, school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kernel.refusals._MOST_KEPT", 2)
    refusals, request = Refusals(lab.deployment.database), request_of(school, new_id())

    for permission in ("a", "b", "c", "b", "a"):
        await refusals.record(request, permission)

    assert len(await actions(school)) == 4
