"""How the key of a video is kept: encrypted, bound to tenant and file."""

from uuid import UUID

from kernel.keys import Keyring

PURPOSE = "media.hls"


def seal(keyring: Keyring, tenant_id: UUID, file_id: UUID, key: bytes) -> str:
    """Return the key as it is stored."""
    return keyring.encrypt(PURPOSE, key, _context(tenant_id, file_id))


def unseal(keyring: Keyring, tenant_id: UUID, file_id: UUID, sealed: str) -> bytes:
    """Return the key itself.

    Raises:
        DecryptionFailed: It is not what was stored for this file, or the secret is gone.
    """
    return keyring.decrypt(PURPOSE, sealed, _context(tenant_id, file_id))


def _context(tenant_id: UUID, file_id: UUID) -> bytes:
    return tenant_id.bytes + file_id.bytes
