"""The school's logo for paper: an uploaded picture as media keeps it, another one from the address that was chosen."""

from uuid import UUID

from kernel.categories import GENERAL, GeneralSettings
from kernel.db import Db
from kernel.outbound import OutboundFailed, OutboundRefused, fetch
from plugins.media import api as media


async def school_logo(db: Db) -> bytes | None:
    """Return the picture, or None where the school has none or it cannot be had: cards are printed all the same.

    The transaction ends before the bytes are read.
    """
    address = db.tenant.setting(GENERAL, GeneralSettings).logo_url
    if address.startswith(media.LOGO_PATH):
        try:
            return (await media.logo_bytes(db, UUID(address.removeprefix(media.LOGO_PATH)))).body
        except (media.FileNotFound, ValueError):
            return None
    await db.release()
    if not address.startswith("https://"):
        return None
    try:
        answer = await fetch(db.deployment, address)
    except (OutboundRefused, OutboundFailed):
        return None
    return answer.body if answer.status == 200 else None
