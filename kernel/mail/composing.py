"""A mail as a message: headers, plain text, and simple HTML that we make of the text ourselves.

Everything in the HTML is escaped here, once. Whom it goes to is decided before, how it travels in `kernel.mail.smtp`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime
from html import escape
from typing import Any
from uuid import UUID

import msgspec

from kernel.mail.servers import Sender
from kernel.mail.wording import Line, MailTemplate, Values, Wording, filled_lines, filled_subject, is_link

RIGHT_TO_LEFT = frozenset({"ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"})

_PAGE = """\
<!doctype html>
<html lang="{locale}" dir="{direction}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{subject}</title>
</head>
<body style="margin:0;padding:24px 12px;font-family:system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif;\
font-size:16px;line-height:1.5">
<div role="article" aria-label="{subject}" lang="{locale}" dir="{direction}" style="max-width:560px;margin:0 auto">
<div style="padding-bottom:16px;border-bottom:3px solid {colour};font-weight:600">{head}</div>
{body}
</div>
</body>
</html>
"""
_PARAGRAPH = '<p style="margin:16px 0">{}</p>'
_BUTTON = (
    '<p style="margin:24px 0 8px"><a href="{link}" style="display:inline-block;padding:12px 20px;border-radius:6px;'
    'background:{colour};color:{ink};font-weight:600;text-decoration:none">{label}</a></p>'
    '<p style="margin:0 0 16px;font-size:13px;word-break:break-all"><a href="{link}">{link}</a></p>'
)
_LOGO = '<img src="{url}" alt="" height="40" style="vertical-align:middle;max-height:40px;border:0"> '


class WholeLine(UnstructuredHeader, BaseHeader):
    """A header that is a list of addresses of the web, which a fold would encode beyond recognition."""

    def fold(self, *, policy: "Policy[Any]") -> str:
        """Return it in one line."""
        return f"{self.name}: {self}{policy.linesep}"


_headers = HeaderRegistry()
_headers.map_to_type("list-unsubscribe", WholeLine)
_POLICY = SMTP.clone(header_factory=_headers)
_MOST_LINE = 900


class Look(msgspec.Struct, frozen=True):
    """How a tenant shows itself: its name, and what its settings say of logo and colour."""

    name: str
    logo_url: str = ""
    colour: str = "#1f4f8b"


class Rendered(msgspec.Struct, frozen=True):
    """A mail as it will be read."""

    locale: str
    subject: str
    text: str
    html: str


def render(wording: Wording, values: Values, look: Look) -> Rendered:
    """Return subject, text and HTML of a wording with its values."""
    subject = filled_subject(wording, values)
    lines = filled_lines(wording, values)
    text = "\n".join(line.text for line in lines) + "\n"
    return Rendered(wording.locale, subject, text, _page(wording.locale, subject, lines, look))


def compose(
    rendered: Rendered,
    template: MailTemplate,
    values: Values,
    *,
    mail_id: UUID,
    written_at: datetime,
    sender: Sender,
    recipient: Address,
) -> EmailMessage:
    """Return the message; its id is made of the mail's, so that a second copy can be recognised as one."""
    message = EmailMessage(policy=_POLICY)
    message["From"] = sender.address
    message["To"] = recipient
    if sender.reply_to is not None:
        message["Reply-To"] = sender.reply_to
    message["Subject"] = rendered.subject
    message["Date"] = format_datetime(written_at)
    message["Message-ID"] = f"<{mail_id}@{sender.address.domain}>"
    # Asks programs that answer by themselves to leave it (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    if template.unsubscribe and is_link(link := values[template.unsubscribe]) and len(link) < _MOST_LINE:
        message["List-Unsubscribe"] = f"<{link}>"
    message.set_content(rendered.text, cte="quoted-printable")
    message.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    return message


def direction(locale: str) -> str:
    """Return the direction in which a language is written, `ltr` or `rtl`."""
    return "rtl" if locale.partition("-")[0] in RIGHT_TO_LEFT else "ltr"


def _page(locale: str, subject: str, lines: Sequence[Line], look: Look) -> str:
    logo = _LOGO.format(url=escape(look.logo_url)) if look.logo_url else ""
    return _PAGE.format(
        locale=escape(locale),
        direction=direction(locale),
        subject=escape(subject),
        colour=escape(look.colour),
        head=logo + escape(look.name),
        body="\n".join(_blocks(lines, subject, look.colour)),
    )


def _blocks(lines: Iterable[Line], subject: str, colour: str) -> Iterable[str]:
    paragraph: list[str] = []
    for line in [*lines, Line("")]:
        if line.text and not line.link:
            paragraph.append(escape(line.text))
            continue
        if paragraph:
            yield _PARAGRAPH.format("<br>\n".join(paragraph))
            paragraph = []
        if line.link:
            yield _BUTTON.format(link=escape(line.link), label=escape(subject), colour=escape(colour), ink=_ink(colour))


def _ink(colour: str) -> str:
    """Return black or white, whichever is easier to read on the colour."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#000000" if red * 299 + green * 587 + blue * 114 > 150_000 else "#ffffff"
