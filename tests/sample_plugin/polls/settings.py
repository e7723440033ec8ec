"""What a tenant decides about its polls."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from kernel.settings import SettingsSpec


class PollsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The category `polls`."""

    most_options: Annotated[int, Meta(ge=2, le=100)] = 10
    results_shown: Literal["always", "when_closed"] = "when_closed"


SETTINGS = SettingsSpec("polls", PollsSettings, "Polls")
