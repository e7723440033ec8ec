"""What a refresh token looks like, and which one follows it.

A token is the id of its session and 256 secret bits, signed, so that only what we made ourselves can count as a token
that comes a second time. The next secret follows from this one under our key: a token that comes twice within the
grace period gets the same successor without anybody having kept it. When that is, `actions.sessions` decides.
"""

import hashlib
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

from msgspec import Struct

from kernel.keys import Keyring

_ID_BYTES = 16
_SECRET_BYTES = 32
_BODY_BYTES = _ID_BYTES + _SECRET_BYTES


class RefreshToken(Struct, frozen=True):
    """A refresh token that we made; whether it still counts, its session says."""

    session_id: UUID
    secret: bytes
    key_id: str

    @property
    def fingerprint(self) -> bytes:
        """What the database keeps of the secret."""
        return fingerprint(self.secret)


def new_secret() -> bytes:
    """Return the secret of a session's first token."""
    return secrets.token_bytes(_SECRET_BYTES)


def fingerprint(secret: bytes) -> bytes:
    """Return what the database keeps of a secret."""
    return hashlib.sha256(secret).digest()


def write(keyring: Keyring, tenant_id: UUID, session_id: UUID, secret: bytes) -> str:
    """Return the token as the client gets it."""
    body = session_id.bytes + secret
    key_id, mac = keyring.mac("refresh", _signed(tenant_id, body))
    return f"{key_id}.{urlsafe_b64encode(body + mac).decode().rstrip('=')}"


def read(keyring: Keyring, tenant_id: UUID, text: str) -> RefreshToken | None:
    """Return the token that a client sent; None if we never made it, or for another tenant."""
    key_id, _, encoded = text.partition(".")
    try:
        content = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except ValueError:
        return None
    body, mac = content[:_BODY_BYTES], content[_BODY_BYTES:]
    if not keyring.verify("refresh", key_id, _signed(tenant_id, body), mac):
        return None
    return RefreshToken(UUID(bytes=body[:_ID_BYTES]), body[_ID_BYTES:], key_id)


def successor(keyring: Keyring, token: RefreshToken) -> bytes:
    """Return the secret that follows, under the key of the token itself, so that it stays the same."""
    return dict(keyring.macs("refresh", b"successor" + token.secret))[token.key_id]


def _signed(tenant_id: UUID, body: bytes) -> bytes:
    return b"token" + tenant_id.bytes + body
