"""How large an upload may be and what becomes of videos, tenant by tenant."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from kernel.settings import SettingsSpec
from kernel.tenancy import Tenant


class MediaSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The category `media`."""

    max_video_bytes: Annotated[int, Meta(ge=1, le=2**40, title="Videos", description="The largest video.")] = (
        4 * 1024**3
    )
    max_image_bytes: Annotated[
        int, Meta(ge=1, le=100 * 1024**2, title="Pictures", description="The largest picture.")
    ] = 10 * 1024**2
    max_file_bytes: Annotated[
        int, Meta(ge=1, le=2**40, title="Documents", description="The largest document or recording.")
    ] = 100 * 1024**2
    max_archive_bytes: Annotated[
        int,
        Meta(
            ge=1, le=2**40, title="Archives", description="The largest archive, such as a course to import or export."
        ),
    ] = 20 * 1024**3
    max_bytes_per_user: Annotated[
        int,
        Meta(
            ge=0,
            le=2**50,
            title="One person",
            description="What one person may have uploaded in all; 0 for no such limit.",
        ),
    ] = 0
    keep_unused_days: Annotated[
        int,
        Meta(
            ge=0,
            le=3650,
            title="Unused files",
            description="How many days old a file is deleted that nothing shows; 0 to keep all files.",
        ),
    ] = 7
    hls: Annotated[
        bool,
        Meta(
            title="Several qualities",
            description="Videos are made ready in several qualities, encrypted; else as one MP4 alone.",
        ),
    ] = True
    watermark: Annotated[
        Literal["none", "name"], Meta(title="Watermark", description="Players show over a video who is watching it.")
    ] = "none"


SETTINGS = SettingsSpec("media", MediaSettings, "Files")


def most_bytes(tenant: Tenant, kind: str) -> int:
    """Return how large an upload of a kind may be."""
    chosen = tenant.setting(SETTINGS, MediaSettings)
    return {
        "video": chosen.max_video_bytes,
        "image": chosen.max_image_bytes,
        "file": chosen.max_file_bytes,
        "archive": chosen.max_archive_bytes,
    }[kind]


def shows_watermark(tenant: Tenant) -> bool:
    """Say whether players show over a video who is watching it."""
    return tenant.setting(SETTINGS, MediaSettings).watermark == "name"
