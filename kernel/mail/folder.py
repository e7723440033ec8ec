"""Mails of a deployment without an SMTP server: files in the data directory of the embedded stack."""

import asyncio
import os
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

from kernel.settings import Settings


def mail_folder(settings: Settings, tenant_id: UUID) -> Path | None:
    """Return the folder of a tenant's mails; None where a server sends them, or should."""
    if settings.smtp_url or not settings.embedded_stack:
        return None
    return settings.data_dir / "mail" / str(tenant_id)


async def keep_in_folder(folder: Path, mail_id: UUID, message: EmailMessage) -> None:
    """Write a mail as `<id>.eml`, whole or not at all."""
    await asyncio.to_thread(_write, folder, f"{mail_id}.eml", message.as_bytes())


def _write(folder: Path, name: str, content: bytes) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = folder / f".{name}"
    with open(unfinished, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(content)
    unfinished.replace(folder / name)
