"""Mails in a school's own words, tried out at once, and the invitation of a new tenant's administrator."""

from typing import Any

from kernel.ids import new_id
from kernel.testing import Mailbox, School

WORDS = {"subject": "Welcome to {{school}}", "body": "Hello {{first_name}},\n\n{{link}}\n"}
NAME = "/mail-templates/auth.invitation"


async def test_templates_are_listed_read_changed_and_reset(school: School, mailbox: Mailbox) -> None:
    admin = await school.person("admin")
    listed = {each["name"]: each for each in (await admin.get("/mail-templates")).json()["items"]}
    before = (await admin.get(NAME)).json()
    assert (listed["auth.invitation"]["changed"], before["is_changed"]) == ([], False)
    assert {"first_name", "link"} <= {each["name"] for each in before["placeholders"]}

    changed = await admin.put(NAME, json=WORDS)
    assert (changed.status_code, changed.json()["subject"], changed.json()["is_changed"]) == (
        200,
        WORDS["subject"],
        True,
    )
    assert (await admin.get(NAME, params={"locale": "ar"})).json()["is_changed"] is False
    address = f"new-{new_id().hex[-8:]}@{school.host}"
    account = {"email": address, "role": "student", "first_name": "Nora", "last_name": "N"}
    assert (await admin.post("/users", json=account)).status_code == 201
    mail = await mailbox.mail(address)
    assert (mail.subject, mail.text.splitlines()[0]) == ("Welcome to School", "Hello Nora,")

    reset = await admin.delete(NAME)
    assert (reset.status_code, reset.json()["subject"]) == (200, before["subject"])


async def test_words_that_cannot_be_sent_are_refused_with_their_field(school: School) -> None:
    admin = await school.person("admin")

    unknown = await admin.put(NAME, json={**WORDS, "body": "{{link}} {{password}}"})
    language = await admin.get(NAME, params={"locale": "xx"})
    nothing = await admin.get("/mail-templates/auth.nothing")

    assert (unknown.status_code, [error["field"] for error in unknown.json()["errors"]]) == (400, ["body"])
    assert (language.status_code, [error["field"] for error in language.json()["errors"]]) == (400, ["locale"])
    assert (nothing.status_code, nothing.json()["code"]) == (404, "kernel.mail_template_unknown")


async def test_preview_changes_nothing(school: School) -> None:
    admin = await school.person("admin")

    shown = (await admin.post(f"{NAME}/preview", json=WORDS)).json()

    assert shown["subject"] == "Welcome to School"
    assert "<html" in shown["html"]
    assert (await admin.get(NAME)).json()["is_changed"] is False


async def test_mail_is_tried_at_once(school: School, mailbox: Mailbox) -> None:
    admin = await school.person("admin")

    sent = await admin.post("/settings/mail/test", json={"to": "me@school.test"})
    wrong = await admin.post("/settings/mail/test", json={"to": "no address"})

    assert sent.status_code == 200, sent.text
    assert [mail.to for mail in await mailbox.mails("me@school.test")] == [["me@school.test"]]
    assert (wrong.status_code, wrong.json()["code"]) == (400, "kernel.mail_address_invalid")


async def test_password_of_the_mail_server_is_shown_to_nobody(school: School) -> None:
    admin = await school.person("admin")
    server = {"host": "smtp.school.test", "from_address": "office@school.test", "password": "swordfish"}

    changed = await admin.patch("/settings", json={"mail": server})
    kept = await admin.patch("/settings", json={"mail": {**changed.json()["mail"], "port": 465}})

    assert (changed.json()["mail"]["password"], kept.json()["mail"]["password"]) == ("***", "***")
    log = await admin.get("/audit-logs", params={"action": "kernel.settings.updated"})
    assert "swordfish" not in changed.text + kept.text + log.text
    async with school.deployment.operator_session(None, "test") as db:
        driver = await db.driver()
        stored = await driver.fetchval("SELECT settings::text FROM kernel.tenants WHERE id = $1", school.id)
    assert "smtp.school.test" in stored
    assert "swordfish" not in stored


async def test_first_administrator_is_invited_and_can_begin(school: School, mailbox: Mailbox) -> None:
    operator = await school.person("student", is_operator=True)
    slug = f"made-{new_id().hex[-12:]}"
    person = {"email": f"head@{slug}.test", "first_name": "Hana", "last_name": "Head"}
    body: dict[str, Any] = {"slug": slug, "name": "Made", "hostnames": [f"{slug}.test"], "admin": person}

    made = await operator.post("/tenants", json=body)
    assert made.status_code == 201, made.text
    mail = await mailbox.mail(person["email"])
    [link] = mail.links
    assert link.startswith(f"https://{slug}.test/")

    refused = await operator.post(
        "/tenants", json={**body, "slug": f"{slug}-2", "hostnames": [f"2.{slug}.test"], "plugins": ["media"]}
    )
    wrong = {**body, "slug": f"{slug}-3", "hostnames": [f"3.{slug}.test"], "admin": {**person, "email": "a@b@c"}}
    answer = await operator.post("/tenants", json=wrong)
    assert [error["field"] for error in refused.json()["errors"]] == ["admin"]
    assert [error["field"] for error in answer.json()["errors"]] == ["admin.email"]
    listed = {each["slug"] for each in (await operator.get("/tenants?limit=100")).json()["items"]}
    assert listed.isdisjoint({f"{slug}-2", f"{slug}-3"})


async def test_links_of_operators_pass_by_what_a_schools_administrators_chose(school: School, mailbox: Mailbox) -> None:
    admin, operator = await school.person("admin"), await school.person("student", is_operator=True)
    server = {"host": "smtp.school.test", "from_address": "office@school.test"}
    words = {"subject": "Taken", "body": "https://elsewhere.test/\n\n{{first_name}} {{link}}\n"}
    assert (await admin.patch("/settings", json={"mail": server})).status_code == 200
    assert (await admin.put("/mail-templates/auth.reset_password", json=words)).status_code == 200

    asked = await (await school.client()).post("/auth/forgot-password", json={"email": operator.email})

    assert asked.status_code == 202, asked.text
    mail = await mailbox.mail(operator.email)
    assert mail.subject != "Taken"
    assert "elsewhere.test" not in mail.text
    assert mail.links[0].startswith(f"https://{school.host}/")
