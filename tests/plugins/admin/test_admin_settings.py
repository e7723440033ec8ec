"""Settings over HTTP: read, changed, kept secret, felt at once, and for whom."""

import asyncio
from typing import Any

import pytest

from kernel.db import Origin
from kernel.testing import School, SchoolFactory
from plugins.admin import demo

REFUSED_FIELDS = {
    "general": {"primary_colour": "red", "nme": "x"},
    "security": {"rate_limits": {"api_per_minute": 0}},
    "auth": {"password": {"min_length": 3}},
    "nonsense": {},
}


async def test_settings_are_read_by_category_with_defaults(school: School) -> None:
    admin = await school.person("admin")

    everything = await admin.get("/settings")
    one = await admin.get("/settings", params={"category": "payment"})
    none = await admin.get("/settings", params={"category": "paymnt"})

    assert list(everything.json())[:4] == ["general", "mail", "payment", "security"]
    assert everything.json()["auth"]["password"]["min_length"] == 8
    assert one.json() == {"payment": {"currency": "USD", "instructions": ""}}
    assert (none.status_code, none.json()["errors"][0]["field"]) == (400, "category")
    assert everything.headers["ETag"] != one.headers["ETag"]


async def test_change_is_merged_answered_and_felt_at_once(school: School) -> None:
    admin = await school.person("admin")

    first = await admin.patch("/settings", json={"general": {"name": "North"}, "auth": {"registration_open": False}})
    second = await admin.patch("/settings", json={"general": {"primary_colour": "#00ff00"}})
    closed = await (await school.client()).post(
        "/auth/register",
        json={"email": "a@b.test", "password": "A-good-Password-1", "first_name": "A", "last_name": "B"},
    )

    assert (first.status_code, sorted(first.json())) == (200, ["auth", "general"])
    assert (second.json()["general"]["name"], second.json()["general"]["primary_colour"]) == ("North", "#00ff00")
    assert closed.json()["code"] == "auth.registration_closed"
    back = await admin.patch("/settings", json={"general": {"name": None}})
    assert back.json()["general"]["name"] == ""


async def test_every_wrong_field_is_named_and_nothing_is_changed(school: School) -> None:
    operator = await school.person("admin", is_operator=True)

    unknown = await operator.patch("/settings", json=REFUSED_FIELDS)
    wrong = {name: values for name, values in REFUSED_FIELDS.items() if name != "nonsense"}
    refused = await operator.patch("/settings", json={**wrong, "payment": {"currency": "EUR"}})

    assert [error["field"] for error in unknown.json()["errors"]] == ["nonsense"]
    assert [error["field"] for error in refused.json()["errors"]] == [
        "general.primary_colour",
        "general.nme",
        "security.rate_limits.api_per_minute",
        "auth.password.min_length",
    ]
    assert (await operator.get("/settings")).json()["payment"]["currency"] == "USD"
    bodies: tuple[Any, ...] = ([], {"general": 3}, "x")
    for body in bodies:
        assert (await operator.patch("/settings", json=body)).status_code == 400


async def test_rate_limits_are_for_operators(school: School) -> None:
    admin = await school.person("admin")
    operator = await school.person("student", is_operator=True)
    change = {"security": {"rate_limits": {"api_per_minute": 77_777}}}

    refused = await admin.patch("/settings", json=change)
    unchanged = await admin.patch("/settings", json=(await admin.get("/settings?category=security")).json())

    assert (refused.status_code, refused.json()["code"]) == (403, "kernel.operator_setting")
    assert refused.json()["errors"][0]["field"] == "security.rate_limits"
    assert unchanged.status_code == 200
    # Being an operator is no permission in the tenant.
    assert (await operator.patch("/settings", json=change)).status_code == 403
    both = await school.person("admin", is_operator=True)
    assert (await both.patch("/settings", json=change)).status_code == 200
    assert (await both.get("/users/me")).headers["RateLimit-Limit"] == "77777"


async def test_whoever_was_slower_is_refused_if_they_ask(school: School) -> None:
    admin = await school.person("admin")
    read = (await admin.get("/settings?category=general")).headers["ETag"]
    whole = (await admin.get("/settings")).headers["ETag"]

    async def change(name: str, etag: str) -> int:
        answer = await admin.request("PATCH", "/settings", json={"general": {"name": name}}, headers={"If-Match": etag})
        return answer.status_code

    assert await change("A", whole) == 200
    assert [await change("B", whole), await change("B", read)] == [412, 412]
    assert await change("C", "*") == 200
    current = (await admin.get("/settings?category=general")).headers["ETag"]
    assert sorted(await asyncio.gather(*(change(name, current) for name in "DEFG"))) == [200, 412, 412, 412]


async def test_change_repeated_under_its_key_is_made_once(school: School) -> None:
    admin = await school.person("admin")
    key = {"Idempotency-Key": "settings-once-1"}

    first = await admin.request("PATCH", "/settings", json={"general": {"name": "A"}}, headers=key)
    await admin.patch("/settings", json={"general": {"name": "B"}})
    again = await admin.request("PATCH", "/settings", json={"general": {"name": "A"}}, headers=key)
    other = await admin.request("PATCH", "/settings", json={"general": {"name": "C"}}, headers=key)

    assert first.json() == again.json()
    assert (await admin.get("/settings")).json()["general"]["name"] == "B"
    assert (other.status_code, other.json()["code"]) == (409, "kernel.idempotency_mismatch")


async def test_forms_can_be_drawn(school: School) -> None:
    admin = await school.person("admin")

    forms = {each["category"]: each for each in (await admin.get("/settings/schema")).json()["categories"]}

    assert list(forms) == list((await admin.get("/settings")).json())
    assert all(each["title"] for each in forms.values())
    assert (forms["security"]["operator"], forms["payment"]["public"]) == (
        ["rate_limits"],
        ["currency", "instructions"],
    )
    properties = forms["general"]["schema"]["$defs"]["GeneralSettings"]["properties"]
    assert properties["primary_colour"]["pattern"] == "^#[0-9a-f]{6}$"


async def test_public_settings_are_open_and_no_more(school: School) -> None:
    admin = await school.person("admin")
    await admin.patch("/settings", json={"general": {"logo_url": "/media/logo.png"}})

    answer = await (await school.client()).get("/settings/public")

    assert answer.json()["general"]["logo_url"] == "/media/logo.png"
    assert answer.json()["general"]["name"] == "School"
    assert "security" not in answer.json()


async def test_settings_of_a_plugin_are_gone_with_it(new_school: SchoolFactory) -> None:
    school = await new_school(plugins=["auth", "admin", "media"])
    admin = await school.person("admin")

    assert "courses" not in (await admin.get("/settings")).json()
    refused = await admin.patch("/settings", json={"courses": {"review_required": True}})
    assert [error["field"] for error in refused.json()["errors"]] == ["courses"]


async def test_change_is_in_the_audit_log_with_who_and_from_where(school: School) -> None:
    admin = await school.person("admin")
    answer = await admin.request(
        "PATCH", "/settings", json={"general": {"name": "North"}}, headers={"User-Agent": "Browser/1"}
    )

    log = (await admin.get("/audit-logs", params={"action": "kernel.settings.updated"})).json()["items"]
    [entry] = log
    assert (entry["user_id"], entry["user_agent"], entry["ip_address"]) == (str(admin.id), "Browser/1", "127.0.0.1")
    assert (entry["old_values"], entry["new_values"]) == ({"general": {}}, {"general": {"name": "North"}})
    assert entry["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("role", "statuses"),
    [("admin", (200, 200, 200)), ("instructor", (403, 403, 403)), ("student", (403, 403, 403)), ("", (401, 401, 401))],
)
async def test_settings_system_of_the_rbac_table(school: School, role: str, statuses: Any) -> None:
    person: Any = await school.person(role) if role else await school.client()

    answers = (
        await person.get("/settings"),
        await person.patch("/settings", json={"general": {"name": "North"}}),
        await person.get("/settings/schema"),
    )

    assert tuple(answer.status_code for answer in answers) == statuses


async def test_currency_of_the_school_stands_on_every_card_at_once(school: School) -> None:
    admin, student = await school.person("admin"), await school.person("student")
    made = (await admin.post("/courses", json={"title": "Wood", "price": "10.00"})).json()
    section = (await admin.post(f"/courses/{made['id']}/sections", json={"title": "One"})).json()
    video = {"title": "One", "video_type": "youtube_private", "youtube_id": "dQw4w9WgXcQ", "duration_seconds": 10}
    assert (await admin.post(f"/sections/{section['id']}/videos", json=video)).status_code == 201
    published = await admin.post(f"/courses/{made['id']}/publish")
    assert published.status_code == 200, published.text

    async def currencies() -> list[str]:
        cards = (await student.get("/courses")).json()["items"]
        return [card["currency"] for card in [*cards, (await student.get(f"/courses/{made['id']}")).json()]]

    assert await currencies() == ["USD", "USD"]
    await admin.patch("/settings", json={"payment": {"currency": "EUR"}})
    assert await currencies() == ["EUR", "EUR"]


async def test_demonstration_is_open_until_somebody_closes_it(school: School) -> None:
    admin = await school.person("admin")
    for closes in (False, True):
        if closes:
            await admin.patch("/settings", json={"courses": {"public_catalogue": False}})
        tenant = await school.deployment.tenants.by_id(school.id)
        async with school.deployment.database.transaction(Origin(school.id), tenant) as db:
            await demo.open_school(db)
        public = (await (await school.client()).get("/settings/public")).json()
        assert public["courses"]["public_catalogue"] is not closes
