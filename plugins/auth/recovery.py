"""Recovery codes: what they look like, and what is kept of them."""

import secrets
from uuid import UUID

from kernel.keys import Keyring

HOW_MANY = 10
FEW = 3
"""With so many left or fewer, people are told to make new ones."""
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_LENGTH = 10


def new_code() -> str:
    """Return a code of 50 random bits; whoever guesses has five tries a minute."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    return f"{letters[:5]}-{letters[5:]}"


def fingerprint(keyring: Keyring, tenant_id: UUID, user_id: UUID, code: str) -> tuple[str, bytes]:
    """Return the newest key's id and the keyed hash that is kept."""
    return keyring.mac("recovery", _hashed(tenant_id, user_id, code))


def fingerprints(keyring: Keyring, tenant_id: UUID, user_id: UUID, code: str) -> list[bytes]:
    """Return what may be kept of a code that somebody typed, under each key."""
    return [digest for _, digest in keyring.macs("recovery", _hashed(tenant_id, user_id, code))]


def _hashed(tenant_id: UUID, user_id: UUID, code: str) -> bytes:
    typed = "".join(letter for letter in code.upper() if letter.isalnum())
    return tenant_id.bytes + user_id.bytes + typed.encode()
