"""The revisions that change rows, over rows: taken back and applied again."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
from sqlalchemy import bindparam, update

import plugins.codes
from kernel import clock
from kernel.drift import drift
from kernel.migrate import downgrade, upgrade
from kernel.revisions import MigrationChain
from kernel.testing import AppFactory
from plugins.codes.actions.retention import forget_codes
from plugins.codes.tables import AccessCode
from tests.plugins.codes.conftest import ClassroomFactory, redeem

CHAIN = MigrationChain("codes", Path(plugins.codes.__file__).parent / "migrations")
_EXPIRE = update(AccessCode).where(AccessCode.id == bindparam("code")).values(expires_at=bindparam("at"))


async def test_batches_find_their_instructor_and_forgotten_codes_go_with_the_revision(
    app_with: AppFactory, new_classroom: ClassroomFactory
) -> None:
    # Settings of its own: nobody else's database loses rows.
    app = await app_with("codes", default_tenant="elsewhere")
    classroom = await new_classroom(await app.school())
    kept, forgotten = await classroom.code(), await classroom.code()
    for code in (kept, forgotten):
        assert (await redeem(await classroom.student(), code)).status_code == 200
    async with classroom.school.db() as db:
        await db.run(_EXPIRE, code=UUID(forgotten["id"]), at=clock.now() - timedelta(days=400))
        assert await forget_codes(db, 10) == 1
    url = app.deployment.settings.owner_database_url
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await downgrade(url, CHAIN, "0004")
        await upgrade(url, [CHAIN])
        assert await drift(url, [CHAIN]) == []
        await connection.execute("SET ROLE collegium_operator")
        assert await connection.fetchval("SELECT array_agg(id) FROM codes.access_codes") == [UUID(kept["id"])]
        batches = await connection.fetch("SELECT id, instructor_id FROM codes.code_batches")
        owners = {row["id"]: row["instructor_id"] for row in batches}
        assert owners == {UUID(kept["batch_id"]): classroom.instructor.id, UUID(forgotten["batch_id"]): None}
    finally:
        await connection.close()
