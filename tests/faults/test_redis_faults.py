"""Redis that is away or stands still: doors that must count are shut, readings go on with PostgreSQL's sessions."""

import pytest

from kernel.testing import PASSWORD, School
from tests.faults.proxy import Proxy
from tests.faults.test_database_faults import check_refusal


@pytest.mark.parametrize("way", ["away", "still"])
async def test_without_redis_counted_doors_are_shut_and_readings_go_on(
    school: School, redis_proxy: Proxy, way: str
) -> None:
    admin, student = await school.person("admin"), await school.person("student")
    await admin.post("/categories", json={"name": "Science"})
    anyone = await school.client()
    if way == "away":
        redis_proxy.refuses = True
        redis_proxy.cut()
    else:
        redis_proxy.freeze()

    check_refusal(await anyone.post("/auth/login", json={"email": student.email, "password": PASSWORD}))
    check_refusal(await student.post("/access-codes/redeem", json={"code": "ABCD-EFGH-JKLM"}))
    assert (await student.get("/users/me")).status_code == 200
    assert (await anyone.get("/settings/public")).status_code == 200
    listed = await student.get("/categories")
    assert listed.status_code == 200, listed.text
    assert listed.json()["total"] == 1
    saved = await admin.post("/categories", json={"name": "Arts"})
    assert saved.status_code == 201, "a change is let in by its session in PostgreSQL (ADR 33)"
    async with school.db() as db:
        await (await db.driver()).execute("UPDATE auth.users SET status = 'suspended' WHERE id = $1", student.id)
    assert (await student.get("/users/me")).status_code in (401, 403), "a session is asked for in PostgreSQL"

    redis_proxy.refuses = False
    redis_proxy.thaw()
    signed_in = await anyone.post("/auth/login", json={"email": admin.email, "password": PASSWORD})
    assert signed_in.status_code == 200
