"""What roles may, changed over HTTP and felt at once."""

import asyncio

from kernel.testing import School


async def test_matrix_shows_every_permission_now_and_at_first(school: School) -> None:
    admin = await school.person("admin")

    matrix = (await admin.get("/roles")).json()
    rows = {row["name"]: row for row in matrix["permissions"]}

    assert matrix["roles"] == ["admin", "instructor", "student"]
    assert rows["codes.access_code.generate"] == {
        "name": "codes.access_code.generate",
        "title": "Generate access codes for courses and videos",
        "plugin": "codes",
        "scopes": ["any", "own"],
        "grants": {"admin": "any", "instructor": "own", "student": None},
        "defaults": {"admin": "any", "instructor": "own", "student": None},
    }
    assert [row["name"] for row in matrix["permissions"]] == sorted(rows)
    assert {name.partition(".")[0] for name in rows} >= {"admin", "auth", "codes", "courses", "kernel", "media"}


async def test_change_is_felt_at_the_next_request_and_told_everywhere(school: School) -> None:
    admin, student = await school.person("admin"), await school.person("student")
    assert (await student.get("/users")).status_code == 403

    given = await admin.patch("/roles/student", json={"permissions": {"auth.user.list": "any"}})

    rows = {row["name"]: row for row in given.json()["permissions"]}
    assert (given.status_code, rows["auth.user.list"]["grants"]["student"]) == (200, "any")
    assert (await student.get("/users")).status_code == 200
    assert (await student.get("")).json()["capabilities"]["auth.user.list"] == "any"
    taken = await admin.patch("/roles/student", json={"permissions": {"auth.user.list": None}})
    assert taken.status_code == 200
    assert (await student.get("/users")).status_code == 403
    assert "auth.user.list" not in (await student.get("")).json()["capabilities"]


async def test_change_is_recorded(school: School) -> None:
    admin = await school.person("admin")
    await admin.patch("/roles/instructor", json={"permissions": {"codes.access_code.generate": None}})

    [entry] = (await admin.get("/audit-logs?action=kernel.role.updated")).json()["items"]

    assert entry["old_values"] == {"instructor": {"codes.access_code.generate": "own"}}
    assert entry["new_values"] == {"instructor": {"codes.access_code.generate": None}}
    assert entry["user"]["first_name"] == "Admin"


async def test_nobody_widens_their_own_power(school: School) -> None:
    admin, instructor = await school.person("admin"), await school.person("instructor")
    own = await admin.patch("/roles/admin", json={"permissions": {"codes.access_code.redeem": "any"}})
    assert (own.status_code, own.json()["code"]) == (403, "admin.own_role")
    await admin.patch("/roles/instructor", json={"permissions": {"admin.role.update": "any", "admin.role.read": "any"}})

    async def attempt(role: str, **permissions: str | None) -> tuple[int, str]:
        named = {name.replace("__", "."): scope for name, scope in permissions.items()}
        answer = await instructor.patch(f"/roles/{role}", json={"permissions": named})
        return answer.status_code, answer.json().get("code", "")

    assert await attempt("student", auth__user__manage="any") == (403, "admin.beyond_own_power")
    assert await attempt("student", codes__access_code__generate="any") == (403, "admin.beyond_own_power")
    assert await attempt("student", codes__access_code__generate="own") == (200, "")
    assert await attempt("instructor", auth__user__list="any") == (403, "admin.own_role")
    assert await attempt("admin", admin__role__update=None) == (409, "admin.administrators_keep")
    assert await attempt("admin", auth__user__list=None) == (409, "admin.administrators_keep")


async def test_wrong_roles_permissions_and_scopes_are_named(school: School) -> None:
    admin = await school.person("admin")

    unknown_role = await admin.patch("/roles/teacher", json={"permissions": {}})
    unknown = await admin.patch("/roles/student", json={"permissions": {"auth.user.lst": "any"}})
    scope = await admin.patch("/roles/student", json={"permissions": {"auth.user.list": "own"}})
    word = await admin.patch("/roles/student", json={"permissions": {"auth.user.list": "all"}})

    assert unknown_role.status_code == 400
    assert [error["field"] for error in unknown_role.json()["errors"]] == ["role"]
    assert [error["field"] for error in unknown.json()["errors"]] == ["permissions.auth.user.lst"]
    assert [error["field"] for error in scope.json()["errors"]] == ["permissions.auth.user.list"]
    assert (word.status_code, len(word.json()["errors"])) == (400, 1)


async def test_delegates_who_take_each_others_power_come_one_after_the_other(school: School) -> None:
    admin = await school.person("admin")
    instructor = await school.person("instructor")
    student = await school.person("student")
    power = {"permissions": {"admin.role.update": "any"}}
    for role in ("instructor", "student"):
        assert (await admin.patch(f"/roles/{role}", json=power)).status_code == 200

    take = {"permissions": {"admin.role.update": None}}
    answers = await asyncio.gather(
        instructor.patch("/roles/student", json=take),
        student.patch("/roles/instructor", json=take),
        *(admin.patch("/roles/student", json={"permissions": {"auth.user.list": "any"}}) for _ in range(3)),
    )

    assert {answer.status_code for answer in answers[2:]} == {200}
    assert (await admin.patch("/roles/student", json=power)).status_code == 200


async def test_who_may_manage_accounts_decides_about_no_role_above_their_own(school: School) -> None:
    admin, other = await school.person("admin"), await school.person("admin")
    delegate, student = await school.person("instructor"), await school.person("student")
    power = {f"auth.user.{verb}": "any" for verb in ("create", "update", "manage", "delete")}
    assert (await admin.patch("/roles/instructor", json={"permissions": power})).status_code == 200
    account = {"email": f"new@{school.host}", "first_name": "N", "last_name": "N"}

    refused = [
        await delegate.post("/users", json={**account, "role": "admin"}),
        await delegate.patch(f"/users/{student.id}", json={"role": "admin"}),
        await delegate.patch(f"/users/{other.id}", json={"status": "suspended"}),
        await delegate.patch(f"/users/{other.id}", json={"role": "student"}),
        await delegate.delete(f"/users/{other.id}"),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(403, "auth.beyond_own_role")] * 5
    assert (await other.get("/users/me")).status_code == 200
    assert (await delegate.post("/users", json={**account, "role": "student"})).status_code == 201
    assert (await delegate.patch(f"/users/{student.id}", json={"role": "instructor"})).status_code == 200
