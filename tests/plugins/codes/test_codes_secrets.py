"""A code's text is shown to those who hand it out, and stands nowhere else; keys may change."""

from collections.abc import Iterable

import asyncpg
import pytest
import structlog
from sqlalchemy import select, text

from kernel.db import Db
from kernel.ids import new_id
from kernel.keys import Keyring
from kernel.statements import plan_for
from kernel.tables import AuditLog
from kernel.testing import School
from plugins.codes.actions import redemptions
from plugins.codes.tables import AccessCode
from tests.plugins.codes.conftest import Classroom, redeem

OLD = "a key for tests only long enough for that 0123456789"
NEW = "another key for tests, long enough: 0123456789"
_SECRETS = ("code_lookup", "code_display")
_AUDITED = select(AuditLog.new_values).where(AuditLog.entity_type == "codes.access_codes").order_by(AuditLog.created_at)
_STORED = [select(AccessCode.code_lookup), select(AccessCode.code_display)]


async def everything(db: Db) -> list[str]:
    """Return every row of every table of the plugin, and of the audit log, as text."""
    tables = ("codes.code_batches", "codes.access_codes", "codes.code_redemptions", "codes.redemption_attempts")
    driver = await db.driver()
    return [
        str(record[0])
        for table in (*tables, "kernel.audit_logs")
        for record in await driver.fetch(f"SELECT row_to_json(each)::text FROM {table} each")
    ]


def spellings(code: str) -> Iterable[str]:
    bare = code.replace("-", "")
    return code, bare, code.lower(), bare.lower()


async def test_the_audit_log_masks_what_is_stored_of_a_code(classroom: Classroom) -> None:
    code = await classroom.code()
    assert (await redeem(await classroom.student(), code)).status_code == 200

    async with classroom.school.db() as db:
        inserted, updated = await db.values(_AUDITED)
        rows = await everything(db)
        stored = [await db.value(statement) for statement in _STORED]

    assert {name: inserted[name] for name in _SECRETS} == dict.fromkeys(_SECRETS, "***")
    assert updated == {"current_uses": 1}
    audited = [row for row in rows if "entity_type" in row]
    assert not [row for row in audited if stored[0].hex() in row or stored[1] in row]
    assert not [row for row in rows for spelling in spellings(code["code"]) if spelling in row]


async def test_logs_do_not_hold_codes(classroom: Classroom) -> None:
    with structlog.testing.capture_logs() as lines:
        code = await classroom.code()
        assert (await redeem(await classroom.student(), code)).status_code == 200
        assert (await redeem(await classroom.student(), "ABCD-EFGH-2345")).status_code == 404

    assert len([line for line in lines if line["event"] == "request"]) >= 3
    written = str(lines)
    assert not [
        spelling for each in (code["code"], "ABCD-EFGH-2345") for spelling in spellings(each) if spelling in written
    ]


async def test_a_new_key_leaves_older_codes_as_they_are(classroom: Classroom, monkeypatch: pytest.MonkeyPatch) -> None:
    older = await classroom.code()
    monkeypatch.setattr(classroom.school.deployment, "keyring", Keyring([NEW, OLD]))
    newer = await classroom.code()

    for code in (older, newer):
        assert (await classroom.detail(code))["code"] == code["code"]
        assert (await redeem(await classroom.student(), code)).status_code == 200


async def test_a_code_whose_key_is_gone_is_neither_shown_nor_found(
    classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = await classroom.code()
    monkeypatch.setattr(classroom.school.deployment, "keyring", Keyring([NEW]))

    assert (await classroom.detail(code))["code"] is None
    assert (await classroom.instructor.get("/access-codes")).json()["items"][0]["code"] is None
    assert (await redeem(await classroom.student(), code)).status_code == 404


@pytest.mark.parametrize(
    "statement", ["UPDATE codes.redemption_attempts SET outcome = 'x'", "DELETE FROM codes.redemption_attempts"]
)
async def test_nobody_rewrites_the_log_of_attempts(classroom: Classroom, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with classroom.school.db() as db:
            await db.run(text(statement))


@pytest.mark.parametrize("keys", [1, 2])
async def test_a_code_is_found_by_its_index(classroom: Classroom, keys: int) -> None:
    await classroom.order(count=2000)
    await analyse(classroom.school)
    plan = plan_for(redemptions.by_lookup(keys))
    arguments = {f"lookup_{number}": bytes(32) for number in range(keys)}

    async with classroom.school.db() as db:
        driver = await db.driver()
        explained = await driver.fetch("EXPLAIN " + plan.sql, *plan.arguments({**arguments, "user_id": new_id()}))

    conditions = [line.strip() for (line,) in explained if line.strip().startswith("Index Cond") and "lookup" in line]
    assert len(conditions) == 1, explained
    assert not [line for (line,) in explained if "Seq Scan on access_codes" in line]


async def analyse(school: School) -> None:
    """Tell the planner about the new rows, as the server does by itself after a while."""
    owner = await asyncpg.connect(school.deployment.settings.owner_database_url.replace("+asyncpg", ""))
    try:
        await owner.execute("ANALYZE codes.access_codes")
    finally:
        await owner.close()


async def test_whoever_sees_a_code_stands_in_the_audit_log(classroom: Classroom) -> None:
    batch = await classroom.order(count=2)
    first, second = batch["items"]
    student = await classroom.student()
    assert (await redeem(student, first)).status_code == 200
    site, ids = f"http://{classroom.school.host}/teach/codes", sorted(item["id"] for item in batch["items"])
    looks = (
        (classroom.instructor, "/access-codes", ids),
        (classroom.admin, f"/access-codes/{first['id']}", [first["id"]]),
        (classroom.instructor, f"/access-codes/batches/{batch['batch_id']}/redemptions", [first["id"]]),
        (classroom.instructor, f"{site}/batches/{batch['batch_id']}", ids),
        (classroom.instructor, f"{site}/batches/{batch['batch_id']}/print", ids),
        (classroom.instructor, f"{site}/{second['id']}", [second["id"]]),
    )
    for person, path, _ in looks:
        assert (await person.get(path)).status_code == 200, path
    # Nothing is shown by a list of batches, to who may not see it, or where nothing is found.
    for path in ("/access-codes/batches", "/access-codes/usage", "/access-codes?offset=100"):
        assert (await classroom.instructor.get(path)).status_code == 200
    assert (await student.get(f"/access-codes/{first['id']}")).status_code == 403

    log = (await classroom.admin.get("/audit-logs?action=codes.access_codes.shown")).json()["items"]
    assert [(each["user_id"], each["new_values"]) for each in log[::-1]] == [
        (str(person.id), {"ids": seen}) for person, _, seen in looks
    ]
    assert first["code"] not in str(log)
