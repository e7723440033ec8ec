"""What a tenant decides about its courses."""

from msgspec import Struct

from kernel.settings import SettingsSpec


class CoursesSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The category `courses`."""

    public_catalogue: bool = False
    """Whether those who are not signed in see the published courses."""
    review_required: bool = False
    """Whether instructors' courses are published by administrators alone."""


SETTINGS = SettingsSpec("courses", CoursesSettings, "Courses")
