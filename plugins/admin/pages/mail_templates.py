"""The pages on which a school says its mails in its own words."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from litestar.params import FromPath

from kernel.auth import Actor
from kernel.categories import GENERAL, GeneralSettings
from kernel.db import Db
from kernel.languages import own_name
from kernel.mail.templates import list_templates, template_text
from plugins.admin.permissions import READ_MAIL_TEMPLATES, UPDATE_MAIL_TEMPLATES
from plugins.admin.queries.plugins import plugin_titles

Shown = tuple[str, Mapping[str, Any]]


async def overview(db: Db) -> Shown:
    """Show every kind of mail that is sent here, by the plugin that sends it."""
    templates = sorted(await list_templates(db), key=lambda each: each.name)
    groups = groupby(templates, key=lambda each: each.name.partition(".")[0])
    values = {
        "groups": [(plugin, list(items)) for plugin, items in groups],
        "titles": plugin_titles(db.deployment),
        "is_demo": db.deployment.settings.demo,
    }
    return "admin/mail_templates.html", values


async def wording(db: Db, actor: Actor, name: FromPath[str], locale: str = "") -> Shown:
    """Show a mail's words in one language.

    Raises:
        MailTemplateUnknown: No plugin that acts here sends such mails.
        Invalid: The school does not speak the language.
    """
    spoken = db.tenant.setting(GENERAL, GeneralSettings)
    text = await template_text(db, name, locale or spoken.locale)
    values = {
        "text": text,
        "languages": [(each, own_name(each)) for each in sorted({*spoken.locales, text.locale, "en"})],
        "may_change": actor.may(UPDATE_MAIL_TEMPLATES),
    }
    return "admin/mail_template.html", values


PAGES: Sequence[Mapping[str, Any]] = (
    {"path": "/admin/mail-templates", "handler": overview, "access": READ_MAIL_TEMPLATES},
    {"path": "/admin/mail-templates/{name:str}", "handler": wording, "access": READ_MAIL_TEMPLATES},
)
NAVIGATION: Sequence[Mapping[str, Any]] = (
    {
        "id": "admin.mail_templates", "area": "admin", "group": "Site", "label": "Mail templates", "icon": "mail",
        "path": "/admin/mail-templates", "order": 490, "access": READ_MAIL_TEMPLATES,
    },
)  # fmt: skip
