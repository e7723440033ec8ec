"""What a tenant decides about its courses."""

from typing import Annotated

from msgspec import Meta, Struct

from kernel.settings import SettingsSpec


class CoursesSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The category `courses`."""

    public_catalogue: Annotated[
        bool, Meta(title="Open catalogue", description="Those who are not signed in see the published courses.")
    ] = False
    review_required: Annotated[
        bool,
        Meta(
            title="Reviews before publishing",
            description="Instructors submit their courses, and administrators alone publish them.",
        ),
    ] = False


SETTINGS = SettingsSpec("courses", CoursesSettings, "Courses", public=("public_catalogue",))
