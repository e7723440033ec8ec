"""What a tenant says in its own words: mail templates read, changed, tried out and taken back, language by language.

The templates themselves come from plugins and what they may contain is `kernel.mail.wording`; who may change them is
decided by whoever calls this.
"""

from collections.abc import Iterable, Sequence

import msgspec
import structlog
from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from kernel.categories import GENERAL, GeneralSettings
from kernel.db import Db
from kernel.errors import FieldError, Invalid, NotFound
from kernel.ids import new_id
from kernel.mail.composing import Look, Rendered, render
from kernel.mail.tables import MailTemplateWording
from kernel.mail.wording import SCHOOL, MailTemplate, Wording, best_locale, is_link_name, wording_problems
from kernel.tenancy import Tenant

log = structlog.get_logger(__name__)

_OWN = select(MailTemplateWording.locale, MailTemplateWording.subject, MailTemplateWording.body).where(
    MailTemplateWording.name == bindparam("name")
)
_OWN_LOCALES = select(MailTemplateWording.name, MailTemplateWording.locale).order_by(MailTemplateWording.locale)
_ADD = insert(MailTemplateWording).values(
    id=bindparam("id"),
    name=bindparam("name"),
    locale=bindparam("locale"),
    subject=bindparam("subject"),
    body=bindparam("body"),
)
_PUT = _ADD.on_conflict_do_update(
    index_elements=["tenant_id", "name", "locale"],
    set_={"subject": _ADD.excluded.subject, "body": _ADD.excluded.body},
)
_RESET = delete(MailTemplateWording).where(
    MailTemplateWording.name == bindparam("name"), MailTemplateWording.locale == bindparam("locale")
)


class MailTemplateUnknown(NotFound):
    """No plugin that acts for the tenant sends such mails."""

    code = "kernel.mail_template_unknown"
    title = "There is no such mail template."


class Placeholder(msgspec.Struct, frozen=True):
    """What a template may name."""

    name: str
    description: str
    required: bool


class TemplateSummary(msgspec.Struct, frozen=True):
    """A template in the list; `changed` are the languages in which the tenant says it in its own words."""

    name: str
    title: str
    locales: Sequence[str]
    changed: Sequence[str]


class TemplateText(msgspec.Struct, frozen=True):
    """A template in one language: what is sent, and what would be without the tenant's own words."""

    name: str
    title: str
    locale: str
    subject: str
    body: str
    is_changed: bool
    default_subject: str
    default_body: str
    placeholders: Sequence[Placeholder]


class OwnLocale(msgspec.Struct, frozen=True):
    """A language in which the tenant says a template in its own words."""

    name: str
    locale: str


async def list_templates(db: Db) -> list[TemplateSummary]:
    """Return every template of the kernel and of the plugins that act here, by name."""
    changed: dict[str, list[str]] = {}
    for own in await db.rows(OwnLocale, _OWN_LOCALES):
        changed.setdefault(own.name, []).append(own.locale)
    templates = db.deployment.registry.mail_templates
    return [
        TemplateSummary(name, template.title, _offered(db.tenant, template), changed.get(name, ()))
        for name, template in sorted(templates.items())
        if acts(template, db.tenant)
    ]


async def template_text(db: Db, name: str, locale: str) -> TemplateText:
    """Return a template in one language.

    Raises:
        MailTemplateUnknown: No plugin that acts here sends such mails.
        Invalid: Neither the template nor the tenant speaks the language.
    """
    template, locale = _template(db, name, locale)
    own = next((each for each in await own_wordings(db, name) if each.locale == locale), None)
    default = default_wording(template, locale)
    shown = own or default
    return TemplateText(
        name=name,
        title=template.title,
        locale=locale,
        subject=shown.subject,
        body=shown.body,
        is_changed=own is not None,
        default_subject=default.subject,
        default_body=default.body,
        placeholders=[*_placeholders(template)],
    )


async def put_wording(db: Db, name: str, locale: str, *, subject: str, body: str) -> TemplateText:
    """Say a template in the tenant's own words from now on.

    Raises:
        MailTemplateUnknown: As for `template_text`.
        Invalid: Also with the fields whose text cannot be sent, and why.
    """
    template, locale = _template(db, name, locale)
    _check(template, locale, subject, body)
    await db.run(_PUT, id=new_id(), name=name, locale=locale, subject=subject, body=body)
    return await template_text(db, name, locale)


async def reset_wording(db: Db, name: str, locale: str) -> TemplateText:
    """Say a template as its plugin does again.

    Raises:
        MailTemplateUnknown: As for `template_text`.
        Invalid: As for `template_text`.
    """
    _, locale = _template(db, name, locale)
    await db.run(_RESET, name=name, locale=locale)
    return await template_text(db, name, locale)


def preview(db: Db, name: str, locale: str, *, subject: str, body: str) -> Rendered:
    """Return how a mail with these words would look, with sample values.

    Raises:
        MailTemplateUnknown: As for `template_text`.
        Invalid: As for `put_wording`.
    """
    template, locale = _template(db, name, locale)
    _check(template, locale, subject, body)
    look = look_of(db.tenant)
    values = {key: _sample(db.tenant, template, key) for key in template.placeholders}
    return render(Wording(locale, subject, body), {**values, SCHOOL: look.name}, look)


async def own_wordings(db: Db, name: str) -> list[Wording]:
    """Return what the tenant says of a template in its own words."""
    return await db.rows(Wording, _OWN, name=name)


def chosen_wording(template: MailTemplate, own: Iterable[Wording], *wanted: str | None) -> Wording:
    """Return the words for a recipient: the first wanted language that there is, the tenant's own words before ours.

    Own words that no longer fit the template, which a new version of its plugin has changed, are left aside.
    """
    fitting = {each.locale: each for each in own if _fits(template, each)}
    locale = best_locale([*fitting, *template.subject], *wanted)
    return fitting.get(locale) or default_wording(template, locale)


def default_wording(template: MailTemplate, locale: str) -> Wording:
    """Return the template's own words, in English if it does not speak the language."""
    spoken = best_locale(template.subject, locale)
    return Wording(spoken, template.subject[spoken], template.body[spoken])


def look_of(tenant: Tenant) -> Look:
    """Return how the tenant shows itself."""
    general = tenant.setting(GENERAL, GeneralSettings)
    logo = tenant.url(general.logo_url) if general.logo_url.startswith("/") else general.logo_url
    return Look(general.name or tenant.name, logo, general.primary_colour)


def acts(template: MailTemplate, tenant: Tenant) -> bool:
    """Whether the tenant sends mails of this kind; the kernel's own are every tenant's."""
    return template.plugin in tenant.plugins or template.plugin == "kernel"


def _template(db: Db, name: str, locale: str) -> tuple[MailTemplate, str]:
    template = db.deployment.registry.mail_templates.get(name)
    if template is None or not acts(template, db.tenant):
        raise MailTemplateUnknown
    offered = {each.lower(): each for each in _offered(db.tenant, template)}
    if locale.lower() not in offered:
        languages = ", ".join(offered.values())
        raise Invalid(errors=[FieldError("locale", f"The school speaks {languages}.")])
    return template, offered[locale.lower()]


def _offered(tenant: Tenant, template: MailTemplate) -> list[str]:
    general = tenant.setting(GENERAL, GeneralSettings)
    return sorted({*template.subject, *general.locales})


def _check(template: MailTemplate, locale: str, subject: str, body: str) -> None:
    if problems := wording_problems(template, locale, subject, body):
        raise Invalid(errors=problems)


def _fits(template: MailTemplate, own: Wording) -> bool:
    if wording_problems(template, own.locale, own.subject, own.body):
        log.warning("mail.wording_outdated", template=template.name, locale=own.locale)
        return False
    return True


def _placeholders(template: MailTemplate) -> Iterable[Placeholder]:
    for name, description in template.placeholders.items():
        yield Placeholder(name, description, name in template.required)
    yield Placeholder(SCHOOL, "the school's name", required=False)


def _sample(tenant: Tenant, template: MailTemplate, name: str) -> str:
    if name in template.samples:
        return template.samples[name]
    return tenant.url("/example") if is_link_name(name) else f"[{template.placeholders[name]}]"
