"""The mails of a demonstration, which has no server to send them: a list and each mail's text, at `/admin/mail`.

Only a demonstration has this page, and that serves on loopback alone. It answers to the names of this machine and to no
other, so that no page from elsewhere can lead its own name here and read along.
"""

from collections.abc import Iterable
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import parsedate_to_datetime
from html import escape
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from kernel.auth import public
from kernel.deployment import Deployment
from kernel.door import Arrival
from kernel.errors import NotFound
from kernel.mail.folder import mail_folder
from kernel.mail.wording import is_link
from kernel.settings import LOOPBACK

MOST_SHOWN = 200
_PAGE = """\
<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/schema/reader.css">
</head><body><header><h1>{title}</h1></header><main>{body}</main></body></html>"""


class ShownMail(msgspec.Struct, frozen=True):
    """A mail of the folder."""

    id: UUID
    at: datetime
    to: str
    sender: str
    subject: str
    text: str


def demo_mail_routes(deployment: Deployment) -> list[HTTPRouteHandler]:
    """Return the handlers of the pages; none outside of a demonstration."""
    if not deployment.settings.demo:
        return []

    @get("/admin/mail", guards=[public], opt={"credential_ignored": True}, include_in_schema=False)
    async def demo_mails(request: Request[Any, Any, Any]) -> Response[bytes]:
        folder = _folder(request, deployment)
        names = sorted(folder.glob("*.eml"), reverse=True)[:MOST_SHOWN]
        return _page("Mails of the demonstration", _list(mail for name in names if (mail := _read(name))))

    @get("/admin/mail/{mail_id:uuid}", guards=[public], opt={"credential_ignored": True}, include_in_schema=False)
    async def demo_mail(request: Request[Any, Any, Any], mail_id: UUID) -> Response[bytes]:
        mail = _read(_folder(request, deployment) / f"{mail_id}.eml")
        if mail is None:
            raise NotFound
        return _page(mail.subject, _mail(mail))

    return [demo_mails, demo_mail]


def _folder(request: Request[Any, Any, Any], deployment: Deployment) -> Path:
    arrival: Arrival = request.scope["state"]["arrival"]
    folder = mail_folder(deployment.settings, request.scope["state"]["tenant"].id)
    if folder is None or arrival.hostname.strip("[]") not in LOOPBACK or arrival.address not in LOOPBACK:
        raise NotFound
    return folder


def _read(file: Path) -> ShownMail | None:
    try:
        message = message_from_bytes(file.read_bytes(), policy=default)
    except OSError:
        return None
    assert isinstance(message, EmailMessage)  # noqa: S101 - of the policy
    part = message.get_body(("plain",))
    return ShownMail(
        id=UUID(file.stem),
        at=parsedate_to_datetime(str(message["Date"])),
        to=str(message["To"]),
        sender=str(message["From"]),
        subject=str(message["Subject"]),
        text=str(part.get_content()) if part is not None else "",
    )


def _page(title: str, body: Iterable[str]) -> Response[bytes]:
    page = _PAGE.format(title=escape(title), body="".join(body))
    return Response(page.encode(), media_type="text/html")


def _list(mails: Iterable[ShownMail]) -> Iterable[str]:
    rows = [
        f"<tr><td>{mail.at:%Y-%m-%d %H:%M:%S}</td><td>{escape(mail.to)}</td>"
        f'<td><a href="/admin/mail/{mail.id}">{escape(mail.subject)}</a></td></tr>'
        for mail in mails
    ]
    if not rows:
        yield "<p>No mail has been sent yet.</p>"
        return
    yield "<table><thead><tr><th>Sent (UTC)</th><th>To</th><th>Subject</th></tr></thead><tbody>"
    yield from rows
    yield "</tbody></table>"


def _mail(mail: ShownMail) -> Iterable[str]:
    yield f'<p>From {escape(mail.sender)} to {escape(mail.to)}, {mail.at:%Y-%m-%d %H:%M:%S} UTC</p><p dir="auto">'
    for line in mail.text.splitlines():
        shown = escape(line)
        yield f'<a href="{shown}" rel="noreferrer">{shown}</a><br>' if is_link(line) else f"{shown}<br>"
    yield '</p><p><a href="/admin/mail">All mails</a></p>'
