"""What was mailed: a real SMTP server that takes every mail of a test run and shows it to the test.

Needs the package `aiosmtpd`. The server stands where the fixture `settings` says; without the fixture `mailbox` nobody
listens there, and mails wait.
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from functools import cached_property
from typing import Any

import pytest

from kernel.deployment import Deployment
from kernel.testing.settling import settle_mails

_LOOKS = 60
_PAUSE_S = 0.05
_LINK = re.compile(r"https?://\S+")


class ReceivedMail:
    """A mail as the server received it.

    Attributes:
        sender: Of the envelope.
        to: The recipients of the envelope.
        message: Headers and parts.
    """

    def __init__(self, sender: str, to: list[str], content: bytes) -> None:
        self.sender = sender
        self.to = to
        self.content = content
        message = message_from_bytes(content, policy=SMTP)
        assert isinstance(message, EmailMessage)
        self.message = message

    @property
    def subject(self) -> str:
        """The decoded subject."""
        return str(self.message["Subject"])

    @cached_property
    def text(self) -> str:
        """The plain text."""
        return self._part("plain")

    @cached_property
    def html(self) -> str:
        """The HTML."""
        return self._part("html")

    @property
    def links(self) -> list[str]:
        """The web addresses in the text, in order."""
        return _LINK.findall(self.text)

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None, f"the mail has no {kind} part"
        return str(part.get_content()).replace("\r\n", "\n")


class MailServer:
    """Takes every mail; what came stands in `received`."""

    def __init__(self) -> None:
        self.received: list[ReceivedMail] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep a mail."""
        self.received.append(ReceivedMail(envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        return "250 Taken"


class Mailbox:
    """The mails that came since the test began."""

    def __init__(self, deployment: Deployment, server: MailServer) -> None:
        self._deployment = deployment
        self._server = server
        self._before = len(server.received)

    async def mails(self, to: str | None = None) -> list[ReceivedMail]:
        """Send what waits, then return every mail, or those to one address, in the order in which they came."""
        await settle_mails(self._deployment)
        came = self._server.received[self._before :]
        return [mail for mail in came if to is None or to in mail.to]

    async def mail(self, to: str) -> ReceivedMail:
        """Return the newest mail to an address; a worker that runs elsewhere may take a moment to send it."""
        for _ in range(_LOOKS):
            if came := await self.mails(to):
                return came[-1]
            await asyncio.sleep(_PAUSE_S)
        others = sorted({address for mail in await self.mails() for address in mail.to})
        raise AssertionError(f"no mail came for {to}; others: {others}")


@pytest.fixture(scope="session")
def mail_socket() -> Iterator[socket.socket]:
    """The place of the mail server, kept free for it; a connection is refused until it runs."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        yield place


@pytest.fixture(scope="session")
async def mail_server(anyio_backend: str, mail_socket: socket.socket) -> AsyncIterator[MailServer]:
    """The SMTP server of this worker."""
    from aiosmtpd import smtp  # import: optional-dependency

    server = MailServer()
    listener = await asyncio.get_running_loop().create_server(
        lambda: smtp.SMTP(server, hostname="mail.test", enable_SMTPUTF8=True, loop=asyncio.get_running_loop()),
        sock=mail_socket,
    )
    try:
        yield server
    finally:
        listener.close()
        await listener.wait_closed()


@pytest.fixture
async def mailbox(deployment: Deployment, mail_server: MailServer) -> Mailbox:
    """What the deployment of `app` mails during a test: `mail = await mailbox.mail(to=student.email)`."""
    return Mailbox(deployment, mail_server)
