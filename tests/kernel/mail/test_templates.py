"""A tenant's own words: kept apart from others', checked, shown, sent, taken back."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from kernel.errors import Invalid
from kernel.mail import send
from kernel.mail.templates import (
    MailTemplateUnknown,
    Placeholder,
    list_templates,
    preview,
    put_wording,
    reset_wording,
    template_text,
)
from kernel.testing import Mailbox, School, SchoolFactory
from tests.kernel.mail.post import WELCOME

OWN = {"subject": "Salve {{first_name}}", "body": "Ave!\n\n{{link}}"}
VALUES = {"link": "https://north.test/start", "first_name": "Ada"}


async def _mailed(school: School, mailbox: Mailbox, to: str, locale: str | None = None) -> tuple[str, str]:
    async with school.db() as db:
        await send(db, WELCOME, to=to, locale=locale, values=VALUES)
    mail = await mailbox.mail(to)
    return mail.subject, mail.text


async def test_own_words_are_sent_until_they_are_taken_back(
    school: School, other_school: School, mailbox: Mailbox
) -> None:
    async with school.db() as db:
        changed = await put_wording(db, "post.welcome", "en", **OWN)
    assert (changed.subject, changed.body, changed.is_changed) == (OWN["subject"], OWN["body"], True)
    assert (changed.default_subject, changed.default_body) == (WELCOME.subject["en"], WELCOME.body["en"])

    assert await _mailed(school, mailbox, "a@north.test") == ("Salve Ada", "Ave!\n\nhttps://north.test/start\n")
    assert (await _mailed(school, mailbox, "b@north.test", "ar"))[0] == "مرحبًا بك في School"
    assert (await _mailed(other_school, mailbox, "c@south.test"))[0] == "Welcome to School, Ada"

    async with school.db() as db:
        await put_wording(db, "post.welcome", "en", subject="Again", body="{{link}}")
        assert (await reset_wording(db, "post.welcome", "en")).is_changed is False
    assert (await _mailed(school, mailbox, "d@north.test"))[0] == "Welcome to School, Ada"


async def test_a_school_may_teach_a_template_another_of_its_languages(
    new_school: SchoolFactory, mailbox: Mailbox
) -> None:
    school = await new_school(settings={"general": {"locales": ["en", "de-CH"]}})
    async with school.db() as db:
        assert (await template_text(db, "post.welcome", "de-ch")).subject == WELCOME.subject["en"]
        await put_wording(db, "post.welcome", "DE-CH", **OWN)
        listed = {each.name: each for each in await list_templates(db)}

    assert (listed["post.welcome"].locales, listed["post.welcome"].changed) == (["ar", "de-CH", "en"], ["de-CH"])
    assert (await _mailed(school, mailbox, "a@north.test", "de-CH"))[0] == "Salve Ada"
    assert (await _mailed(school, mailbox, "b@north.test", "en"))[0] == "Welcome to School, Ada"


async def test_a_template_says_what_it_may_contain(school: School) -> None:
    async with school.db() as db:
        shown = await template_text(db, "post.welcome", "en")

    assert shown.placeholders == [
        Placeholder("link", "where to go", required=True),
        Placeholder("first_name", "of the recipient", required=False),
        Placeholder("school", "the school's name", required=False),
    ]


async def test_what_acts_is_listed_and_nothing_else_is_there(school: School) -> None:
    async with school.db() as db:
        assert [each.name for each in await list_templates(db)] == ["kernel.test_mail", "post.digest", "post.welcome"]

    await school.switch_off("post")
    async with school.db() as db:
        assert [each.name for each in await list_templates(db)] == ["kernel.test_mail"]
        for act in (template_text, reset_wording):
            with pytest.raises(MailTemplateUnknown):
                await act(db, "post.welcome", "en")
        with pytest.raises(MailTemplateUnknown):
            await put_wording(db, "post.welcome", "en", **OWN)
        with pytest.raises(MailTemplateUnknown):
            preview(db, "post.welcome", "en", **OWN)


@pytest.mark.parametrize(
    ("locale", "subject", "body", "fields"),
    [
        ("fr", "Hi", "{{link}}", {"locale": "The school speaks ar, en."}),
        ("en", "Hi {{surname}}", "Come", ["subject", "body"]),
        ("en", "Hi\nBcc: x", "{{link}}", ["subject"]),
    ],
)
async def test_words_that_cannot_be_sent_are_refused_field_by_field(
    school: School, locale: str, subject: str, body: str, fields: Any
) -> None:
    async with school.db() as db:
        with pytest.raises(Invalid) as refused:
            await put_wording(db, "post.welcome", locale, subject=subject, body=body)
        with pytest.raises(Invalid):
            preview(db, "post.welcome", locale, subject=subject, body=body)
        assert (await template_text(db, "post.welcome", "en")).is_changed is False

    found = {error.field: error.message for error in refused.value.errors}
    assert list(found) == list(fields)
    if isinstance(fields, dict):
        assert found == fields


async def test_a_preview_has_sample_values_and_sends_nothing(school: School, mailbox: Mailbox) -> None:
    async with school.db() as db:
        shown = preview(db, "post.welcome", "ar", subject="{{first_name}}", body="{{link}}\n<b>")

    link = school.tenant.url("/example")
    assert (shown.subject, shown.text) == ("[of the recipient]", f"{link}\n<b>\n")
    assert "&lt;b&gt;" in shown.html
    assert 'dir="rtl"' in shown.html
    assert await mailbox.mails() == []


async def test_own_words_that_a_new_version_made_unfit_are_left_aside(
    school: School, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with school.db() as db:
        await put_wording(db, "post.welcome", "en", **OWN)
        await db.run(text("UPDATE kernel.mail_templates SET body = 'Ave {{gone}} {{link}}'"))

    assert (await _mailed(school, mailbox, "a@north.test"))[0] == "Welcome to School, Ada"


async def test_changes_of_words_are_in_the_audit_log(school: School) -> None:
    class Entry(msgspec.Struct, frozen=True):
        action: str

    async with school.db() as db:
        await put_wording(db, "post.welcome", "en", **OWN)
        await put_wording(db, "post.welcome", "en", subject="Hi", body="{{link}}")
        await reset_wording(db, "post.welcome", "en")
        actions = await db.values(text("SELECT action FROM kernel.audit_logs ORDER BY id"))

    assert actions == [f"kernel.mail_templates.{what}" for what in ("inserted", "updated", "deleted")]
