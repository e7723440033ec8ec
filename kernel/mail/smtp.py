"""One conversation with an SMTP server, and what its end means for the mail: taken, try later, never.

Which server it is decides `kernel.mail.servers`, what becomes of the mail `kernel.mail.delivery`.
"""

import asyncio
import re
import socket
import ssl
from contextlib import suppress
from email.message import EmailMessage
from functools import cache
from ipaddress import ip_address

import aiosmtplib

from kernel.mail.servers import SmtpServer

CONNECT_S = 10
ANSWER_S = 30
WHOLE_S = 90

_ADDRESS = re.compile(r"[^\s<>()\[\]:;,\"']+@[^\s<>()\[\]:;,\"']+|\b(?:https?://|www\.)\S+", re.IGNORECASE)
_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_MOST_ANSWER = 300


class MailNotTaken(Exception):
    """The server has not taken the mail.

    Args:
        answer: Why; of the server's own words those that name no address of mail or web, which it likes to repeat.
        brief: The same in a code or a kind of error, for logs and the queue, where nothing of the mail may stand.
    """

    def __init__(self, answer: str, brief: str) -> None:
        super().__init__(answer)
        self.brief = brief


class MailDeferred(MailNotTaken):
    """It does not take the mail now."""


class MailRefused(MailNotTaken):
    """It will never take this mail."""


async def submit(server: SmtpServer, message: EmailMessage, *, at: str = "", ca_file: str = "") -> None:
    """Hand a message over.

    When this returns the server has it. When the connection breaks while the server answers for the whole message,
    nobody knows, and it counts as not taken: the same message may then arrive twice, under one Message-ID.

    Args:
        server: Who takes it.
        message: With `From` and one `To`.
        at: The IP address to connect to; what the server's name leads to when absent. The certificate is that of the
            name all the same.
        ca_file: Certificates that are trusted besides the system's own.

    Raises:
        MailDeferred: No connection, no answer in time, a temporary refusal, or a server that must be set up otherwise
            first: certificate, password.
        MailRefused: It refuses this sender, recipient or message for good (5xx).
    """
    try:
        async with asyncio.timeout(WHOLE_S):
            client = await _connected(server, at, ca_file, name=message["From"].addresses[0].domain)
            try:
                await client.send_message(message)
                with suppress(aiosmtplib.SMTPException, OSError):
                    await client.quit(timeout=CONNECT_S)
            finally:
                client.close()
    except aiosmtplib.SMTPRecipientsRefused as error:
        refusal = error.recipients[0]
        raise _refusal(refusal.code, refusal.message) from None
    except (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPDataError) as error:
        raise _refusal(error.code, error.message) from None
    except aiosmtplib.SMTPNotSupported:
        raise MailRefused("The server takes no addresses beyond ASCII.", "SMTPUTF8 is missing") from None
    except (aiosmtplib.SMTPException, OSError, TimeoutError, ssl.SSLError) as error:
        raise _trouble(error) from None


async def greet(server: SmtpServer, *, name: str, ca_file: str = "") -> None:
    """Connect and sign in, and no more; for `collegium doctor`.

    Args:
        server: Whom to greet.
        name: The domain in whose name mails go.
        ca_file: As above.

    Raises:
        MailDeferred: That does not work.
    """
    try:
        async with asyncio.timeout(CONNECT_S):
            client = await _connected(server, "", ca_file, name=name)
            client.close()
    except (aiosmtplib.SMTPException, OSError, TimeoutError, ssl.SSLError) as error:
        raise _trouble(error) from None


async def _connected(server: SmtpServer, at: str, ca_file: str, *, name: str) -> aiosmtplib.SMTP:
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=None if at else server.port,
        sock=await _socket(at, server.port) if at else None,
        username=server.username or None,
        password=server.password or None,
        use_tls=server.security == "tls",
        start_tls=server.security == "starttls",
        tls_context=await asyncio.to_thread(_tls_context, ca_file),  # reads files the first time
        # Whoever judges the mail compares it with the sender's; this machine's own name says nothing.
        local_hostname=name,
        timeout=ANSWER_S,
    )
    try:
        await client.connect(timeout=CONNECT_S)
    except BaseException:
        client.close()
        raise
    return client


async def _socket(at: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ip_address(at).version == 6 else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        async with asyncio.timeout(CONNECT_S):
            await asyncio.get_running_loop().sock_connect(connection, (at, port))
    except BaseException:
        connection.close()
        raise
    return connection


@cache
def _tls_context(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


def _refusal(code: int, answer: str) -> MailNotTaken:
    enhanced = _ENHANCED.match(answer)
    brief = f"{code} {enhanced[1]}" if enhanced else str(code)
    return (MailRefused if code >= 500 else MailDeferred)(_without_addresses(f"{code} {answer}"), brief)


def _trouble(error: Exception) -> MailDeferred:
    kind = type(error).__name__
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return MailDeferred(_without_addresses(f"{kind} {error.code} {error.message}"), f"{kind} {error.code}")
    return MailDeferred(_without_addresses(f"{kind} {error}".strip()), kind)


def _without_addresses(text: str) -> str:
    return " ".join(_ADDRESS.sub("<address>", text).split())[:_MOST_ANSWER]
