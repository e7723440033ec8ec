"""SMTP servers with a will of their own, and certificates for them."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from aiosmtpd import smtp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kernel.clock import now
from kernel.testing import ReceivedMail

USER, PASSWORD = "post office", "p@ss/word:1"
HANG_UP = "hang up"
SILENCE = "silence"


class MoodyServer:
    """Answers each RCPT and each message with the next of its moods, and takes what comes when none is left."""

    def __init__(self, *, to_recipients: Sequence[str] = (), to_messages: Sequence[str] = ()) -> None:
        self.received: list[ReceivedMail] = []
        self.seen: list[str] = []
        self.logins: list[tuple[str, str]] = []
        self.port = 0
        self._to_recipients = list(to_recipients)
        self._to_messages = list(to_messages)
        self._closing = asyncio.Event()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        answer = await self._answer(server, self._to_recipients)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        mail = ReceivedMail(envelope.mail_from, envelope.rcpt_tos, envelope.original_content)
        self.seen.append(str(mail.message["Message-ID"]))
        answer = await self._answer(server, self._to_messages)
        if answer.startswith("250"):
            self.received.append(mail)
        return answer

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> smtp.AuthResult:
        self.logins.append((data.login.decode(), data.password.decode()))
        return smtp.AuthResult(success=self.logins[-1] == (USER, PASSWORD), handled=False)

    async def _answer(self, server: Any, moods: list[str]) -> str:
        mood = moods.pop(0) if moods else "250 Taken"
        if mood == HANG_UP:
            server.transport.abort()
        elif mood == SILENCE:
            await self._closing.wait()
        return mood

    @asynccontextmanager
    async def listening(self, **options: Any) -> AsyncIterator["MoodyServer"]:
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(
            lambda: smtp.SMTP(self, hostname="mail.test", loop=loop, **options), "127.0.0.1", 0
        )
        self.port = listener.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self._closing.set()
            listener.close()
            await listener.wait_closed()


class Certificates:
    """A certification authority and a certificate of it for `localhost` and 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.authority_file = folder / "authority.pem"
        self._chain_file = folder / "server.pem"
        authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        authority = _certificate("authority", authority_key.public_key(), "authority", authority_key, is_authority=True)
        server = _certificate("localhost", key.public_key(), "authority", authority_key, is_authority=False)
        self.authority_file.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._chain_file.write_bytes(server.public_bytes(serialization.Encoding.PEM) + private)

    def context(self) -> ssl.SSLContext:
        """Return what a server needs to speak TLS."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._chain_file)
        return context


def _certificate(
    name: str, key: Any, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, *, is_authority: bool
) -> x509.Certificate:
    today: datetime = now()
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
    if is_authority:
        builder = builder.add_extension(
            x509.KeyUsage(*(flag in (5, 6) for flag in range(9))),
            critical=True,
        )
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
