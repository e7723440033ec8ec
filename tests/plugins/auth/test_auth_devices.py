"""Where somebody is signed in, and how they want to see the school."""

from collections.abc import Callable

import pytest

from kernel.ids import new_id
from kernel.testing import Mailbox, Person, School, SchoolFactory
from plugins.auth.rules import device_of
from tests.plugins.auth.people import codes_of, fresh_email, make_user, sign_in

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/18.5 Mobile/15E148 Safari/604.1"
)
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0"
    " Safari/537.36 Edg/138.0.0.0"
)


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (FIREFOX, "Firefox on Windows"),
        (IPHONE, "Safari on iPhone"),
        (EDGE, "Edge on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/138.0.0.0 Safari/537.36", "Chrome on Linux"),
        ("Dart/3.8 (dart:io)", "Dart"),
        ("curl/8.14.1", "curl"),
        ("something (Android 15)", "Android"),
        ("  ", "Unknown device"),
        ("", "Unknown device"),
    ],
)
def test_device_is_read_from_the_agent(agent: str, device: str) -> None:
    assert device_of(agent) == device


async def test_devices_are_listed_and_signed_out_one_by_one(school: School) -> None:
    email = fresh_email(school)
    await make_user(school, email=email)
    laptop, phone, tablet = [await school.client(**{"User-Agent": agent}) for agent in (FIREFOX, IPHONE, EDGE)]
    for client in (laptop, phone, tablet):
        await sign_in(client, email)
    page = (await laptop.get("/users/me/sessions")).json()
    assert (page["total"], page["limit"], page["offset"]) == (3, 20, 0)
    devices = {each["device"]: each for each in page["items"]}
    assert {name: each["is_current"] for name, each in devices.items()} == {
        "Firefox on Windows": True, "Safari on iPhone": False, "Edge on Windows": False,
    }  # fmt: skip
    assert (devices["Safari on iPhone"]["address"], devices["Safari on iPhone"]["method"]) == ("127.0.0.1", "password")

    path = f"/users/me/sessions/{devices['Safari on iPhone']['id']}"
    assert (await laptop.delete(path)).status_code == 204
    assert (await phone.get("/users/me")).status_code == 401
    assert codes_of(await laptop.delete(path)) == [(404, "kernel.not_found")]
    assert (await laptop.delete("/users/me/sessions")).status_code == 204
    assert (await tablet.get("/users/me")).status_code == 401
    assert (await laptop.get("/users/me/sessions")).json()["total"] == 1


async def test_nobody_sees_or_ends_anothers_session(school: School) -> None:
    one, other = await school.person("student"), await school.person("admin")
    session = (await one.get("/users/me/sessions")).json()["items"][0]
    for unknown in (session["id"], str(new_id())):
        assert codes_of(await other.delete(f"/users/me/sessions/{unknown}")) == [(404, "kernel.not_found")]
    assert session["id"] not in (await other.get("/users/me/sessions")).text
    assert (await one.get("/users/me")).status_code == 200


async def test_one_and_thirty_devices_cost_the_same(school: School, query_count: Callable[[], int]) -> None:
    email = fresh_email(school)
    await make_user(school, email=email)
    client = await school.client()
    costs = []
    for more in (1, 29):
        for _ in range(more):
            await sign_in(client, email)
        before = query_count()
        assert len((await client.get("/users/me/sessions?limit=100")).json()["items"]) == (1 if more == 1 else 30)
        costs.append(query_count() - before)
    assert costs[0] == costs[1]


async def test_preferences_are_the_schools_until_somebody_chooses(new_school: SchoolFactory) -> None:
    school = await new_school(settings={"general": {"locale": "ar", "locales": ["en", "ar"]}})
    student = await school.person("student")
    own = (await student.get("/users/me/preferences")).json()
    kinds = own.pop("notifications")
    assert own == {"locale": "ar", "timezone": "UTC", "theme": "system"}
    assert [each["kind"] for each in kinds if each["channels"] == {"mail": True}] == sorted(e["kind"] for e in kinds)
    changed = await student.patch("/users/me/preferences", json={"locale": "en", "timezone": "Asia/Dubai"})
    assert changed.json() == {**own, "locale": "en", "timezone": "Asia/Dubai", "notifications": kinds}
    changed = await student.patch("/users/me/preferences", json={"theme": "dark", "locale": None})
    assert changed.json() == {"locale": "ar", "timezone": "Asia/Dubai", "theme": "dark", "notifications": kinds}
    assert (await student.get("/users/me")).json()["timezone"] == "Asia/Dubai"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"locale": "tlh"}, "locale"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"theme": "pink"}, "theme"),
        ({"notifications": {"auth.password_changed": {"mail": False}}}, "notifications.auth.password_changed"),
        ({"user_id": "x"}, "user_id"),
    ],
)
async def test_preference_that_there_is_not_is_named(student: Person, change: dict[str, object], field: str) -> None:
    answer = await student.patch("/users/me/preferences", json=change)
    assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (400, [field])
    own = (await student.get("/users/me/preferences")).json()
    own.pop("notifications")
    assert own == {"locale": "en", "timezone": "UTC", "theme": "system"}


async def test_mails_come_in_the_language_that_somebody_chose(
    school: School, student: Person, mailbox: Mailbox
) -> None:
    await student.patch("/users/me/preferences", json={"locale": "ar"})
    await (await school.client()).post("/auth/forgot-password", json={"email": student.email})
    assert (await mailbox.mail(student.email)).subject == "اختر كلمة مرور جديدة"
