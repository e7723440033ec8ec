"""What all plugins together keep about somebody: complete when it is handed out, nowhere when it is erased."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from litestar import Litestar

from kernel.app import served
from kernel.auth import Actor
from kernel.deployment import Deployment
from kernel.tables import metadata
from kernel.testing import PASSWORD, Mailbox, Person, School, SchoolFactory
from plugins.auth.actions.identities import link
from plugins.auth.federation.assertions import Assertion

AGENT, ADDRESS, NAME = "Marker-Agent", "203.0.113.77", "Markername"
KEPT_BY = {
    "auth.failed_logins": "auth.failed_logins",
    "auth.user_identities": "auth.identities",
    "auth.passkeys": "auth.second_factors",
    "auth.recovery_codes": "auth.second_factors",
    "auth.sessions": "auth.sessions",
    "auth.totp_factors": "auth.second_factors",
    "auth.instructor_profiles": "auth.instructor",
    "auth.student_files": "auth.file",
    "auth.user_preferences": "auth.preferences",
    "auth.user_profiles": "auth.account",
    "auth.user_tokens": "auth.mailed_links",
    "codes.access_codes": "codes.generated",
    "codes.code_batches": "codes.generated",
    "codes.code_redemptions": "codes.redemptions",
    "codes.redemption_attempts": "codes.attempts",
    "courses.course_enrollments": "courses.enrollments",
    "courses.course_reviews": "courses.reviews",
    "courses.course_verdicts": "courses.verdicts",
    "courses.courses": "courses.teaching",
    "courses.material_downloads": "courses.downloads",
    "courses.video_grants": "courses.video_grants",
    "courses.video_progress": "courses.watched",
    "media.files": "media.files",
    "media.resumable_uploads": "media.unfinished",
    "media.uploads": "media.files",
}
"""Every table that points at accounts, and the kind of personal data that its rows belong to."""


class Marked:
    """A student whose every trace can be found by its words."""

    def __init__(self, person: Person, course_id: str) -> None:
        self.person = person
        self.course_id = course_id
        self.marks = [person.email, NAME, AGENT, ADDRESS]


async def course_with_a_code_for(school: School, email: str) -> tuple[Person, dict[str, Any], str, str]:
    """Return an instructor, a course of theirs with a video, the video's id, and a code for an address."""
    instructor = await school.person("instructor")
    course = (await instructor.post("/courses", json={"title": "Course"})).json()
    section = (await instructor.post(f"/courses/{course['id']}/sections", json={"title": "Section"})).json()
    body = {"title": "Video", "video_type": "youtube_private", "youtube_id": "dQw4w9WgXcQ", "duration_seconds": 20}
    video = (await instructor.post(f"/sections/{section['id']}/videos", json=body)).json()
    assert (await instructor.post(f"/courses/{course['id']}/publish")).status_code == 200
    plan = {"course_id": course["id"], "title": "Plan", "external_url": "https://example.com/plan"}
    assert (await instructor.post("/materials", json=plan)).status_code == 201
    wanted = {"course_id": course["id"], "type": "multi_use", "max_uses": 5, "count": 1, "allowed_emails": [email]}
    batch = (await instructor.post("/access-codes/generate", json=wanted)).json()
    return instructor, course, video["id"], batch["items"][0]["code"]


@pytest.fixture
async def marked(school: School, litestar_app: Litestar, mailbox: Mailbox) -> AsyncIterator[Marked]:
    """A student who registered, mistyped a password, redeemed a code, tried one, watched, downloaded and said so."""
    email = f"marked@{school.host}"
    _, course, video_id, code = await course_with_a_code_for(school, email)
    transport = httpx.ASGITransport(app=served(litestar_app), client=(ADDRESS, 50_000))
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=transport, base_url=f"http://{school.host}/api/v1", headers={"User-Agent": AGENT}
            )
        )
        who = {"email": email, "password": PASSWORD, "first_name": NAME, "last_name": NAME}
        assert (await client.post("/auth/register", json=who)).status_code == 202
        assert (await client.post("/auth/login", json={"email": email, "password": "wrong"})).status_code == 401
        signed_in = (await client.post("/auth/login", json={"email": email, "password": PASSWORD})).json()
        client.headers["Authorization"] = f"Bearer {signed_in['access_token']}"
        await school.settle()
        address = (await mailbox.mail(email)).links[0]
        proved = {"token": address.partition("#token=")[2]}
        # The link's row is gone by that, and what the log says of it is not.
        assert (await client.post("/auth/verify-email", json=proved)).status_code == 204
        person = Person(Actor(school.id, UUID(signed_in["user"]["id"]), "student"), email, client)
        profile = {"phone": "+49 30 1234567", "bio": f"I am {NAME}", "city": NAME, "date_of_birth": "2001-02-03"}
        assert (await person.patch(f"/users/{person.id}", json=profile)).status_code == 200
        assert (await person.post("/access-codes/redeem", json={"code": "AAAA-BBBB-CCCC"})).status_code == 404
        assert (await person.post("/access-codes/redeem", json={"code": code})).status_code == 200
        seen = {"position": 5, "ranges": [[0, 5]], "total_seconds": 20}
        assert (await person.post(f"/videos/{video_id}/progress", json=seen)).status_code == 200
        plan = (await person.get(f"/materials?course_id={course['id']}")).json()["items"][0]
        assert (await person.get(f"/materials/{plan['id']}/download")).status_code == 200
        async with school.db() as db:
            await link(db, person.id, Assertion("https://site.example", f"of {NAME}", email, True, NAME, NAME))
        said = {"rating": 4, "comment": f"{NAME} says thanks."}
        assert (await person.post(f"/courses/{course['id']}/reviews", json=said)).status_code == 201
        yield Marked(person, course["id"])


async def places_of(deployment: Deployment, school: School, marks: list[str]) -> set[str]:
    """Return the tables with a row of the school in whose text one of the marks stands."""
    found = set()
    schemas = {"kernel", *(plugin.name for plugin in deployment.registry.plugins)}
    url = deployment.settings.operator_database_url.replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    try:
        for table in metadata.tables.values():
            if table.schema not in schemas or "tenant_id" not in table.c or table.name == "tenant_hosts":
                continue
            rows = await connection.fetch(
                f"SELECT to_jsonb(t)::text FROM {table.fullname} t WHERE tenant_id = $1", school.id
            )
            if any(mark in row[0] for row in rows for mark in marks):
                found.add(table.fullname)
    finally:
        await connection.close()
    return found


def test_every_table_that_points_at_accounts_is_personal_data(deployment: Deployment) -> None:
    loaded = {plugin.name for plugin in deployment.registry.plugins}
    pointing = {
        table.fullname
        for table in metadata.tables.values()
        if table.schema in loaded
        and any(key.elements[0].target_fullname.startswith("auth.users.") for key in table.foreign_key_constraints)
    }
    assert pointing == set(KEPT_BY)
    assert set(KEPT_BY.values()) <= {kind.name for kind in deployment.registry.personal_data}


async def test_export_holds_everything_of_the_one_and_nothing_of_another(school: School, marked: Marked) -> None:
    other = await school.person("student", email=f"somebody-else@{school.host}")
    await school.settle()
    answer = await marked.person.get("/users/me/export")
    assert answer.headers["content-disposition"] == 'attachment; filename="personal-data.json"'
    assert answer.headers["cache-control"] == "private, no-store"
    document = answer.json()
    assert (document["user_id"], document["switched_off"]) == (str(marked.person.id), [])
    data = document["data"]
    lists = {name: rows for name, rows in data.items() if isinstance(rows, list) and name != "kernel.activity"}
    assert {name: len(rows) for name, rows in lists.items() if rows} == {
        "auth.failed_logins": 1,
        "auth.identities": 1,
        "auth.sessions": 1,
        "codes.attempts": 2,
        "codes.meant_for": 1,
        "codes.redemptions": 1,
        "courses.downloads": 1,
        "courses.enrollments": 1,
        "courses.reviews": 1,
        "courses.watched": 1,
    }
    assert (data["auth.account"]["email"], data["auth.account"]["bio"]) == (marked.person.email, f"I am {NAME}")
    assert data["courses.watched"][0]["watched_seconds"] == 5
    assert data["codes.redemptions"][0]["ip_address"] == ADDRESS
    assert {each["action"] for each in data["kernel.activity"]} >= {"auth.user_profiles.updated"}
    assert other.email not in answer.text


async def test_erasing_leaves_no_trace_anywhere(deployment: Deployment, school: School, marked: Marked) -> None:
    admin = await school.person("admin")
    before = await places_of(deployment, school, marked.marks)
    assert before >= {
        "auth.failed_logins", "auth.sessions", "auth.user_identities", "auth.user_profiles", "auth.users",
        "codes.access_codes", "codes.code_redemptions", "codes.redemption_attempts", "courses.course_reviews",
        "kernel.audit_logs",
    }  # fmt: skip
    answer = await admin.delete(f"/users/{marked.person.id}")
    assert answer.status_code == 202, answer.text

    # Out at once, before anything is erased.
    assert (await marked.person.get("/users/me")).status_code == 401
    assert (await admin.get(f"/users/{marked.person.id}")).status_code == 404
    assert marked.person.email not in (await admin.get("/users")).text

    await school.settle()
    task = (await admin.get(f"/tasks/{answer.json()['task_id']}")).json()
    assert (task["status"], task["result"]) == ("done", {"waiting_for": []})
    assert await places_of(deployment, school, marked.marks) == set()

    # The numbers stay, the place is free, and the code is for nobody rather than for everybody.
    assert (await admin.get(f"/courses/{marked.course_id}")).json()["total_enrolled"] == 0
    code_id = (await admin.get("/access-codes")).json()["items"][0]["id"]
    code = (await admin.get(f"/access-codes/{code_id}")).json()
    assert (code["current_uses"], code["allowed_emails"]) == (1, [f"{marked.person.id}@erased.invalid"])


async def test_dead_letters_about_an_erased_person_go_and_those_of_others_stay(
    deployment: Deployment, school: School, other_school: School
) -> None:
    admin, student = await school.person("admin"), await school.person("student")
    add = """
        INSERT INTO kernel.outbox
            (tenant_id, id, listener, event, event_version, payload, request_id, attempts, dead_at)
        VALUES ($1, gen_random_uuid(), 'auth.confirm_registration', 'auth.user.registered', 1, $2, '', 9, now())
    """
    connection = await asyncpg.connect(deployment.settings.operator_database_url.replace("+asyncpg", ""))
    try:
        for tenant, user in ((school, student), (school, admin), (other_school, student)):
            payload = {"user_id": str(user.id), "personal": {"email": user.email}}
            await connection.execute(add, tenant.id, json.dumps(payload))
        await admin.delete(f"/users/{student.id}")
        await school.settle(may_fail=True)
        left = await connection.fetch("SELECT tenant_id, payload FROM kernel.outbox WHERE attempts = 9")
    finally:
        await connection.close()
    kept = {(row["tenant_id"], json.loads(row["payload"])["user_id"]) for row in left}
    assert kept == {(school.id, str(admin.id)), (other_school.id, str(student.id))}


async def test_address_of_an_erased_account_is_free_again(school: School, marked: Marked) -> None:
    answer = await marked.person.request("DELETE", "/users/me", json={"password": PASSWORD})
    assert answer.status_code == 202, answer.text
    await school.settle()
    again = await school.person("student", email=marked.person.email)
    assert (await again.get("/users/me/export")).json()["data"]["courses.enrollments"] == []


async def test_erasure_waits_for_a_plugin_that_is_off_and_keeps_something(
    deployment: Deployment, school: School, marked: Marked
) -> None:
    admin = await school.person("admin")
    await school.switch_off("codes")
    answer = await admin.delete(f"/users/{marked.person.id}")
    await school.settle()
    task = (await admin.get(f"/tasks/{answer.json()['task_id']}")).json()
    assert task["result"] == {"waiting_for": ["codes"]}
    assert "auth.users" in await places_of(deployment, school, marked.marks)

    await school.switch_on("codes")
    await school.bring_forward()
    await school.settle()
    assert await places_of(deployment, school, marked.marks) == set()


async def test_erasure_does_not_wait_for_a_plugin_that_keeps_nothing(new_school: SchoolFactory) -> None:
    school = await new_school(plugins=["auth", "media", "courses"])
    admin, student = await school.person("admin"), await school.person("student")
    assert (await student.get("/users/me/export")).json()["switched_off"] == [
        "codes.redemptions", "codes.attempts", "codes.meant_for", "codes.generated",
    ]  # fmt: skip
    answer = await admin.delete(f"/users/{student.id}")
    await school.settle()
    assert (await admin.get(f"/tasks/{answer.json()['task_id']}")).json()["result"] == {"waiting_for": []}


async def test_administrator_hands_out_somebodys_data_and_the_log_says_so(school: School) -> None:
    admin, student = await school.person("admin"), await school.person("student")
    answer = await admin.get(f"/users/{student.id}/export")
    assert answer.json()["data"]["auth.account"]["email"] == student.email
    assert (await student.get(f"/users/{student.id}/export")).status_code == 403
    activity = (await admin.get("/users/me/export")).json()["data"]["kernel.activity"]
    assert [(each["action"], each["entity_id"]) for each in activity if "exported" in each["action"]] == [
        ("kernel.personal_data.exported", str(student.id))
    ]


async def test_own_account_is_closed_by_the_password_alone(school: School) -> None:
    student = await school.person("student")
    for body in ({"password": "wrong"}, {}):
        answer = await student.request("DELETE", "/users/me", json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "auth.wrong_password")
    assert (await student.get("/users/me")).status_code == 200


async def test_last_administrator_stays(school: School) -> None:
    admin = await school.person("admin")
    own = await admin.request("DELETE", "/users/me", json={"password": PASSWORD})
    assert (own.status_code, own.json()["code"]) == (409, "auth.last_admin")
    other_way = await admin.delete(f"/users/{admin.id}")
    assert (other_way.status_code, other_way.json()["code"]) == (403, "auth.own_account")
    second = await school.person("admin")
    assert (await admin.delete(f"/users/{second.id}")).status_code == 202
    assert (await admin.delete(f"/users/{second.id}")).status_code == 404
