"""Mail templates in the tenant's own words, and a mail to try them."""

from typing import Annotated

from litestar import delete, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from kernel.auth import Actor, requires
from kernel.db import Db
from kernel.idempotency import idempotent
from kernel.mail.composing import Rendered
from kernel.mail.templates import (
    TemplateText,
    list_templates,
    preview,
    put_wording,
    reset_wording,
    template_text,
)
from kernel.mail.trial import send_test_mail
from kernel.routing import limited
from plugins.admin.permissions import READ_MAIL_TEMPLATES, UPDATE_MAIL_TEMPLATES, UPDATE_SETTINGS
from plugins.admin.schemas import MailTemplateList, TrialMailRequest, TrialMailSent, WordingRequest

Locale = Annotated[str, QueryParameter(min_length=2, max_length=20, description="A language, such as en.")]


@get("/mail-templates", guards=[requires(READ_MAIL_TEMPLATES)], operation_id="mail_templates_list")
async def list_mail_templates(db: Db) -> MailTemplateList:
    """Return every kind of mail that is sent here, with its languages and those in the tenant's own words."""
    return MailTemplateList(await list_templates(db))


@get("/mail-templates/{name:str}", guards=[requires(READ_MAIL_TEMPLATES)], operation_id="mail_templates_get")
async def read_mail_template(db: Db, name: FromPath[str], locale: Locale = "en") -> TemplateText:
    """Return a template in one language: what is sent, what is sent without own words, what it may name."""
    return await template_text(db, name, locale)


@put(
    "/mail-templates/{name:str}",
    guards=[requires(UPDATE_MAIL_TEMPLATES)],
    opt=idempotent(),
    operation_id="mail_templates_update",
)
async def change_mail_template(
    db: Db, name: FromPath[str], data: WordingRequest, locale: Locale = "en"
) -> TemplateText:
    """Say a template in the tenant's own words."""
    return await put_wording(db, name, locale, subject=data.subject, body=data.body)


@delete(
    "/mail-templates/{name:str}",
    guards=[requires(UPDATE_MAIL_TEMPLATES)],
    status_code=200,
    operation_id="mail_templates_reset",
)
async def reset_mail_template(db: Db, name: FromPath[str], locale: Locale = "en") -> TemplateText:
    """Say a template as its plugin does again."""
    return await reset_wording(db, name, locale)


@post(
    "/mail-templates/{name:str}/preview",
    guards=[requires(READ_MAIL_TEMPLATES)],
    status_code=200,
    operation_id="mail_templates_preview",
)
async def preview_mail_template(db: Db, name: FromPath[str], data: WordingRequest, locale: Locale = "en") -> Rendered:
    """Return how a mail with these words would look, with sample values."""
    return preview(db, name, locale, subject=data.subject, body=data.body)


@post(
    "/settings/mail/test",
    guards=[requires(UPDATE_SETTINGS)],
    opt=limited("upload"),
    status_code=200,
    operation_id="settings_test_mail",
)
async def try_mail(db: Db, actor: Actor, data: TrialMailRequest) -> TrialMailSent:
    """Send a test mail at once by the school's way, and tell by which; what the server says against it is the error."""
    sent_by = await send_test_mail(
        db.deployment, db.tenant, to=data.to, locale=data.locale, is_operator=actor.is_operator
    )
    return TrialMailSent(sent_by)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_mail_templates,
    read_mail_template,
    change_mail_template,
    reset_mail_template,
    preview_mail_template,
    try_mail,
)
