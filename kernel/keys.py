"""Which key signs and encrypts what: every purpose has its own, derived from `COLLEGIUM_SECRET_KEYS`.

The newest secret signs and encrypts; the older ones go on verifying and decrypting until they are removed. A plugin's
own purpose is dotted and begins with its name, `polls.remark`. Reading the setting and refusing to start without it is
`kernel.settings`; the form of a token is `kernel.auth`.
"""

import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

Purpose = Literal[
    "jwt",
    "jwt-eddsa",
    "media",
    "code-lookup",
    "code-display",
    "csrf",
    "totp",
    "password",
    "refresh",
    "settings",
    "idempotency",
    "mail",
    "mfa",
    "recovery",
]

PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
SECRET_MIN_LENGTH = 32

_SALT = b"collegium/1"
_NONCE_BYTES = 12


class DecryptionFailed(ValueError):
    """A stored value cannot be read; the subclass says whether its key or its content is at fault."""


class UnknownKey(DecryptionFailed):
    """The value was encrypted under a secret that is no longer configured."""


class Tampered(DecryptionFailed):
    """The value is not what this keyring wrote for this purpose and this context."""


@dataclass(frozen=True, slots=True)
class DerivedKey:
    """One purpose's key under one secret; `kid` names the secret and does not reveal it."""

    kid: str
    key: bytes = field(repr=False)


class Keyring:
    """All live keys.

    Args:
        secrets: The configured secrets, newest first, each of at least 32 characters.

    Raises:
        ValueError: No secret, one that is too short, or one that is there twice.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            raise ValueError("COLLEGIUM_SECRET_KEYS holds no key. Give at least one, of 32 random characters or more.")
        for position, secret in enumerate(secrets, start=1):
            if len(secret) < SECRET_MIN_LENGTH:
                raise ValueError(
                    f"Key {position} of COLLEGIUM_SECRET_KEYS has {len(secret)} characters. "
                    f"It needs at least {SECRET_MIN_LENGTH} random ones."
                )
        kids = [_hkdf(secret, "kid", 4).hex() for secret in secrets]
        if len(set(kids)) < len(kids):
            raise ValueError("COLLEGIUM_SECRET_KEYS holds the same key twice. Remove one of them.")
        self._secrets = dict(zip(kids, secrets, strict=True))
        self._derived: dict[str, dict[str, bytes]] = {}
        self.newest_kid = kids[0]

    def _keys_for(self, purpose: str) -> dict[str, bytes]:
        if purpose not in self._derived:
            if purpose not in PURPOSES and "." not in purpose:
                raise ValueError(f"there is no purpose {purpose!r}; that of a plugin begins with its name and a dot")
            self._derived[purpose] = {
                kid: _hkdf(secret, f"purpose/{purpose}", 32) for kid, secret in self._secrets.items()
            }
        return self._derived[purpose]

    def derive(self, purpose: str) -> list[DerivedKey]:
        """Return the purpose's 32-byte keys, newest first."""
        return [DerivedKey(kid, key) for kid, key in self._keys_for(purpose).items()]

    def mac(self, purpose: str, data: bytes) -> tuple[str, bytes]:
        """Return the newest key's id and its HMAC-SHA256 of the data."""
        return self.newest_kid, hmac.digest(self._keys_for(purpose)[self.newest_kid], data, "sha256")

    def macs(self, purpose: str, data: bytes) -> list[tuple[str, bytes]]:
        """Return what `mac` gives under every live key, newest first, to look up what an older one wrote."""
        return [(kid, hmac.digest(key, data, "sha256")) for kid, key in self._keys_for(purpose).items()]

    def verify(self, purpose: str, kid: str, data: bytes, mac: bytes) -> bool:
        """Say whether the key of this id made the HMAC; an id that is not live is a no."""
        key = self._keys_for(purpose).get(kid)
        return key is not None and hmac.compare_digest(hmac.digest(key, data, "sha256"), mac)

    def encrypt(self, purpose: str, plaintext: bytes, aad: bytes) -> str:
        """Encrypt by AES-256-GCM under the newest key: its id, a dot, and nonce and ciphertext in URL-safe base64.

        `aad` is the context that the value belongs to, such as tenant and row id; `decrypt` needs the same. The length
        of the plaintext shows.
        """
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._keys_for(purpose)[self.newest_kid]).encrypt(nonce, plaintext, aad)
        return f"{self.newest_kid}.{urlsafe_b64encode(nonce + sealed).decode()}"

    def is_newest(self, token: str) -> bool:
        """Whether the newest key encrypted this, so that it outlives the older ones."""
        return token.startswith(f"{self.newest_kid}.")

    @property
    def older_kids(self) -> list[str]:
        """The ids of the live keys but the newest."""
        return [kid for kid in self._secrets if kid != self.newest_kid]

    def decrypt(self, purpose: str, token: str, aad: bytes) -> bytes:
        """Return what `encrypt` was given.

        Raises:
            UnknownKey: Its secret is not configured any more.
            Tampered: Value or context differ from what was encrypted.
        """
        kid, _, body = token.partition(".")
        key = self._keys_for(purpose).get(kid)
        if key is None:
            raise UnknownKey(f"No live key has the id {kid[:8]!r}, which encrypted this value.")
        try:
            sealed = urlsafe_b64decode(body)
            if urlsafe_b64encode(sealed).decode() == body:  # the decoder also takes other spellings of the same bytes
                return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], aad)
        except (ValueError, InvalidTag):
            pass
        raise Tampered(f"This value was not encrypted for {purpose} in this context, or it was changed.")


def _hkdf(secret: str, info: str, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=_SALT, info=info.encode()).derive(secret.encode())
