"""Materials of courses in requests and answers."""

from datetime import datetime
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from kernel.routing import Body
from plugins.courses.schemas.texts import HttpsUrl, LongText, SortOrder, Title


class CreateMaterialRequest(Body, frozen=True, kw_only=True):
    """A new material: a file that was uploaded, or a link. Without a section it belongs to the course as a whole."""

    course_id: UUID
    title: Title
    section_id: UUID | None = None
    description: LongText | None = None
    file_id: UUID | None = None
    external_url: HttpsUrl | None = None
    is_downloadable: bool = True
    sort_order: SortOrder | None = None


class UpdateMaterialRequest(Body, frozen=True, kw_only=True):
    """What may change about a material; an absent field stays as it is, and a new source replaces the other one."""

    title: Title | UnsetType = UNSET
    section_id: UUID | None | UnsetType = UNSET
    description: LongText | None | UnsetType = UNSET
    file_id: UUID | UnsetType = UNSET
    external_url: HttpsUrl | UnsetType = UNSET
    is_downloadable: bool | UnsetType = UNSET
    sort_order: SortOrder | UnsetType = UNSET


class MaterialDetails(Struct, frozen=True, kw_only=True):
    """A material; a locked one shows no source, and how many have downloaded it is for those who care for it."""

    id: UUID
    course_id: UUID
    section_id: UUID | None
    title: str
    description: str | None
    file_id: UUID | None
    external_url: str | None
    file_type: str | None
    file_size: int | None
    is_downloadable: bool
    sort_order: int
    created_at: datetime
    is_locked: bool
    download_count: int | None


class MaterialAddress(Struct, frozen=True):
    """Where a material is: a file of ours by a signed address, which expires, or an address elsewhere."""

    url: str
    expires_at: datetime | None
