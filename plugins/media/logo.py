"""The school's logo where it is an uploaded picture: everybody may see it, and it is not deleted while it is shown.

Which picture it is, the tenant's settings say (`general.logo_url`); so no other picture can be read by this address.
"""

from uuid import UUID

from msgspec import Struct
from sqlalchemy import Uuid, cast, column, func, select, text
from sqlalchemy.dialects.postgresql import JSONB

from kernel.categories import GENERAL, GeneralSettings
from kernel.db import Db
from kernel.tables import CURRENT_TENANT
from plugins.media.errors import FileNotFound
from plugins.media.file_uses import FileUse
from plugins.media.queries import rendition_bytes, renditions_by_file

LOGO_PATH = "/logo/"
_WIDTH = "w320.webp"
_tenant = func.kernel.tenant_by_id(text(CURRENT_TENANT)).table_valued(column("settings", JSONB), name="tenant")
_chosen = _tenant.c.settings["general"]["logo_url"].astext
FILE_USES = (
    FileUse(
        name="media.logo",
        title="Logo of the school",
        files=select(cast(func.substring(_chosen, f"^{LOGO_PATH}([0-9a-f-]{{36}})$"), Uuid).label("file_id")),
    ),
)


class Logo(Struct, frozen=True):
    """A picture as browsers and mails show it."""

    content_type: str
    body: bytes


async def logo_bytes(db: Db, file_id: UUID) -> Logo:
    """Return the school's logo. The transaction ends before its bytes are read.

    Raises:
        FileNotFound: This picture is not the logo of this school, or is gone.
    """
    if db.tenant.setting(GENERAL, GeneralSettings).logo_url != f"{LOGO_PATH}{file_id}":
        raise FileNotFound
    picture = (await renditions_by_file(db, [file_id])).get(file_id, {}).get(_WIDTH)
    if picture is None:
        raise FileNotFound
    await db.release()
    return Logo(picture.content_type, await rendition_bytes(db, picture))
