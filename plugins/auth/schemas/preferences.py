"""How somebody wants to see the school."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from kernel.routing import Body

Theme = Literal["system", "light", "dark"]
Channel = Literal["mail"]


class NotificationPreference(Struct, frozen=True):
    """A kind of notifications, and for each channel whether somebody is told of it that way."""

    kind: str
    title: str
    channels: dict[Channel, bool]


class Preferences(Struct, frozen=True):
    """What counts for somebody, the tenant's own choice where they have made none."""

    locale: str
    timezone: str
    theme: Theme
    notifications: list[NotificationPreference]


class UpdatePreferencesRequest(Body, frozen=True, kw_only=True):
    """What to change; an absent field stays as it is, `null` for the language means the tenant's.

    `notifications` has kinds, and of each the channels that change.
    """

    locale: Annotated[str, Meta(min_length=2, max_length=35)] | None | UnsetType = UNSET
    timezone: Annotated[str, Meta(min_length=1, max_length=50)] | UnsetType = UNSET
    theme: Theme | UnsetType = UNSET
    notifications: Annotated[dict[str, dict[Channel, bool]], Meta(max_length=100)] | UnsetType = UNSET
