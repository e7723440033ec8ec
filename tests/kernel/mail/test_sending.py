"""Mails from the transaction that writes them to the server that takes them."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from kernel.keys import Tampered
from kernel.mail import MailAddressInvalid, MailTemplate, forget_mails_to, send
from kernel.mail.outgoing import StoredMail, opened
from kernel.testing import Mailbox, School, SchoolFactory
from tests.kernel.mail.post import DIGEST, WELCOME

VALUES = {"link": "https://north.test/start?a=1&b=2", "first_name": "Ada"}


async def _send(school: School, to: str, template: MailTemplate = WELCOME, **values: str) -> None:
    async with school.db() as db:
        await send(db, template, to=to, values={**VALUES, **values} if template is WELCOME else values)


async def _rows(school: School, sql: str) -> list[tuple[Any, ...]]:
    """Return rows as a superuser would see them in a stolen copy of the database."""
    connection = await asyncpg.connect(school.deployment.settings.operator_database_url.replace("+asyncpg", ""))
    try:
        return [tuple(row) for row in await connection.fetch(sql, school.id)]
    finally:
        await connection.close()


async def test_a_mail_leaves_after_the_commit_and_is_gone_from_the_table(school: School, mailbox: Mailbox) -> None:
    to = f"ada@{school.host}"
    before = datetime.now(UTC)

    await _send(school, to)

    mail = await mailbox.mail(to)
    assert (mail.sender, mail.to) == ("noreply@collegium.test", [to])
    assert str(mail.message["From"]) == "School <noreply@collegium.test>"
    assert str(mail.message["To"]) == to
    assert mail.subject == "Welcome to School, Ada"
    assert mail.text == "Hello Ada,\nall is ready.\n\nhttps://north.test/start?a=1&b=2\n\nUntil soon\n"
    assert mail.links == ["https://north.test/start?a=1&b=2"]
    assert str(mail.message["Auto-Submitted"]) == "auto-generated"
    assert abs((parsedate_to_datetime(str(mail.message["Date"])) - before).total_seconds()) < 30
    assert str(mail.message["Message-ID"]).endswith("@collegium.test>")
    assert await _rows(school, "SELECT id FROM kernel.outgoing_mails WHERE tenant_id = $1") == []


async def test_a_rollback_sends_nothing(school: School, mailbox: Mailbox) -> None:
    async def write_and_fail() -> None:
        async with school.db() as db:
            await send(db, WELCOME, to="ada@north.test", values=VALUES)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await write_and_fail()

    assert await mailbox.mails() == []


async def test_what_is_personal_stands_encrypted_and_nowhere_else(school: School, mailbox: Mailbox) -> None:
    await _send(school, "secret.person@north.test", first_name="Secretname", link="https://north.test/t/Secrettoken")

    stored = await _rows(school, "SELECT to_jsonb(m)::text FROM kernel.outgoing_mails m WHERE tenant_id = $1")
    assert len(stored) == 1
    rows = [
        *stored,
        *await _rows(school, "SELECT to_jsonb(o)::text FROM kernel.outbox o WHERE tenant_id = $1"),
        *await _rows(school, "SELECT to_jsonb(a)::text FROM kernel.audit_logs a WHERE tenant_id = $1"),
    ]
    assert [word for (text,) in rows for word in ("ecret", "north.test") if word in text] == []
    assert (await mailbox.mail("secret.person@north.test")).links == ["https://north.test/t/Secrettoken"]


async def test_a_stored_mail_opens_for_its_own_tenant_alone(school: School, other_school: School) -> None:
    await _send(school, "ada@north.test")
    sql = "SELECT id, template, content_encrypted, created_at, attempts FROM kernel.outgoing_mails WHERE tenant_id = $1"
    mail = StoredMail(*(await _rows(school, sql))[0])

    keyring = school.deployment.keyring
    assert opened(keyring, school.id, mail).to == "ada@north.test"
    with pytest.raises(Tampered):
        opened(keyring, other_school.id, mail)


async def test_two_tenants_mails_do_not_mix(school: School, other_school: School, mailbox: Mailbox) -> None:
    to = "ada@both.test"
    await _send(school, to, first_name="North")
    await _send(other_school, to, first_name="South")

    async with other_school.db() as db:
        assert len(await db.values(text("SELECT id FROM kernel.outgoing_mails"))) == 1
    assert sorted(mail.subject for mail in await mailbox.mails(to)) == [
        "Welcome to School, North",
        "Welcome to School, South",
    ]


@pytest.mark.parametrize(
    "to",
    [
        "nobody",
        "@north.test",
        "a@b@c",
        "a b@north.test",
        "a@north.test\r\nBcc: all@north.test",
        "a@north.test, b@north.test",
        "<a@north.test>",
        "a@" + "x" * 260,
        "",
    ],
)
async def test_what_is_no_address_is_refused(school: School, to: str) -> None:
    with pytest.raises(MailAddressInvalid) as refused:
        await _send(school, to)

    assert [error.field for error in refused.value.errors] == ["email"]


async def test_an_address_beyond_ascii_arrives(school: School, mailbox: Mailbox) -> None:
    await _send(school, "jürgen@bücher.test")

    mail = await mailbox.mail("jürgen@xn--bcher-kva.test")
    assert str(mail.message["To"]) == "jürgen@xn--bcher-kva.test"


async def test_values_reach_neither_headers_nor_markup(school: School, mailbox: Mailbox) -> None:
    await _send(
        school,
        "ada@north.test",
        first_name='Ada\r\nBcc: all@north.test\r\n\r\n<script>alert(1)</script> {{link}} "\u202e',
        link="javascript:alert(1)",
    )

    mail = await mailbox.mail("ada@north.test")
    assert mail.message["Bcc"] is None
    assert mail.subject == 'Welcome to School, Ada Bcc: all@north.test <script>alert(1)</script> {{link}} "'
    assert "<script" not in mail.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{link}}" in mail.html
    assert 'href="javascript' not in mail.html
    assert mail.to == ["ada@north.test"]


async def test_a_link_becomes_a_button_if_the_template_says_so(school: School, mailbox: Mailbox) -> None:
    await _send(school, "ada@north.test", first_name="Ada\nhttps://evil.test/\n")

    mail = await mailbox.mail("ada@north.test")
    assert mail.html.count("<a ") == 2
    assert mail.html.count('href="https://north.test/start?a=1&amp;b=2"') == 2
    assert "Hello Ada<br>\nhttps://evil.test/<br>" in mail.html
    assert '<html lang="en" dir="ltr">' in mail.html


@pytest.mark.parametrize(
    ("locale", "subject", "direction"),
    [
        ("ar", "مرحبًا بك في School", "rtl"),
        ("ar-EG", "مرحبًا بك في School", "rtl"),
        ("AR", "مرحبًا بك في School", "rtl"),
        ("fr", "Welcome to School, Ada", "ltr"),
        (None, "Welcome to School, Ada", "ltr"),
    ],
)
async def test_the_language_is_the_recipients_or_english(
    school: School, mailbox: Mailbox, locale: str | None, subject: str, direction: str
) -> None:
    async with school.db() as db:
        await send(db, WELCOME, to="ada@north.test", locale=locale, values=VALUES)

    mail = await mailbox.mail("ada@north.test")
    assert mail.subject == subject
    assert f'dir="{direction}"' in mail.html


async def test_a_mail_looks_as_the_school_does(new_school: SchoolFactory, mailbox: Mailbox) -> None:
    general = {"name": "مدرسة & Co", "locale": "ar", "logo_url": "/media/logo.png", "primary_colour": "#ffee00"}
    school = await new_school(settings={"general": general})
    await _send(school, "ada@north.test")

    mail = await mailbox.mail("ada@north.test")
    assert mail.message["From"].addresses[0].display_name == "مدرسة & Co"
    assert mail.subject == "مرحبًا بك في مدرسة & Co"
    assert f'<img src="{school.tenant.url("/media/logo.png")}" alt=""' in mail.html
    assert "border-bottom:3px solid #ffee00" in mail.html
    assert "background:#ffee00;color:#000000" in mail.html
    assert "مدرسة &amp; Co</div>" in mail.html


async def test_a_schools_name_reaches_no_other_header(new_school: SchoolFactory, mailbox: Mailbox) -> None:
    school = await new_school(settings={"general": {"name": 'North\r\nBcc: all@north.test\x07 "School" <x@y.test>'}})
    await _send(school, "ada@north.test")

    mail = await mailbox.mail("ada@north.test")
    assert mail.message["Bcc"] is None
    (sender,) = mail.message["From"].addresses
    assert (sender.addr_spec, sender.display_name) == (
        "noreply@collegium.test",
        'North Bcc: all@north.test "School" <x@y.test>',
    )


async def test_mails_to_somebody_who_is_erased_are_gone(school: School, other_school: School, mailbox: Mailbox) -> None:
    for each in (school, other_school):
        await _send(each, "Ada@north.test")
    await _send(school, "bob@north.test")
    async with school.db() as db:
        await forget_mails_to(db, "ada@NORTH.test")

    mails = await mailbox.mails()
    assert sorted(mail.to[0] for mail in mails) == ["Ada@north.test", "bob@north.test"]


async def test_a_template_that_can_be_left_says_how_in_its_headers(school: School, mailbox: Mailbox) -> None:
    stop = f"https://north.test/stop/{'x' * 200}"
    await _send(school, "ada@north.test", DIGEST, news="Nothing.", stop_link=stop)
    await _send(school, "bob@north.test", DIGEST, news="Nothing.", stop_link="https://north.test/stop/>\r\nX: y")

    assert f"\r\nList-Unsubscribe: <{stop}>\r\n".encode() in (await mailbox.mail("ada@north.test")).content
    broken = await mailbox.mail("bob@north.test")
    assert (broken.message["List-Unsubscribe"], broken.message["X"]) == (None, None)


async def test_nobody_floods_a_mailbox(school: School, other_school: School, mailbox: Mailbox) -> None:
    for number in range(5):
        await _send(school, "Ada@north.test" if number % 2 else "ada@north.test")
    await _send(school, "bob@north.test")
    await _send(school, "ada@north.test", DIGEST, news="", stop_link="")
    await _send(other_school, "ada@north.test")

    mails = await mailbox.mails()
    assert sorted((mail.to[0].lower(), mail.subject) for mail in mails) == [
        ("ada@north.test", "News"),
        *[("ada@north.test", "Welcome to School, Ada")] * 4,
        ("bob@north.test", "Welcome to School, Ada"),
    ]
    assert await _rows(school, "SELECT id FROM kernel.outgoing_mails WHERE tenant_id = $1") == []


async def test_a_mail_of_a_plugin_that_does_not_act_waits(school: School, mailbox: Mailbox) -> None:
    await _send(school, "ada@north.test")
    await school.switch_off("post")
    assert await mailbox.mails() == []

    await school.switch_on("post")
    await school.bring_forward()
    assert (await mailbox.mail("ada@north.test")).subject == "Welcome to School, Ada"


async def test_only_registered_templates_and_all_their_values_are_sent(school: School) -> None:
    stranger = MailTemplate(
        name="post.stranger", title="Stranger", placeholders={}, subject={"en": "Hello"}, body={"en": "Hello"}
    )
    async with school.db() as db:
        with pytest.raises(LookupError, match=r"post\.stranger"):
            await send(db, stranger, to="ada@north.test")
        with pytest.raises(ValueError, match="needs the values"):
            await send(db, WELCOME, to="ada@north.test", values={"link": "https://north.test/"})
