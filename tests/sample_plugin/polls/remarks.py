"""Remarks are for the eyes of who asked: encrypted where they are kept, each bound to its tenant and its vote."""

from uuid import UUID

from kernel.keys import DecryptionFailed, Keyring

_PURPOSE = "polls.remark"


def seal(keyring: Keyring, tenant_id: UUID, vote_id: UUID, remark: str) -> str:
    """Return a remark as it is kept."""
    return keyring.encrypt(_PURPOSE, remark.encode(), tenant_id.bytes + vote_id.bytes)


def unseal(keyring: Keyring, tenant_id: UUID, vote_id: UUID, sealed: str) -> str | None:
    """Return what was said; None if its key is gone."""
    try:
        return keyring.decrypt(_PURPOSE, sealed, tenant_id.bytes + vote_id.bytes).decode()
    except DecryptionFailed:
        return None
