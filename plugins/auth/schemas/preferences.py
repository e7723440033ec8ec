"""How somebody wants to see the school."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from kernel.routing import Body

Theme = Literal["system", "light", "dark"]


class Preferences(Struct, frozen=True):
    """What counts for somebody, the tenant's own choice where they have made none."""

    locale: str
    timezone: str
    theme: Theme


class UpdatePreferencesRequest(Body, frozen=True, kw_only=True):
    """What to change; an absent field stays as it is, `null` for the language means the tenant's."""

    locale: Annotated[str, Meta(min_length=2, max_length=35)] | None | UnsetType = UNSET
    timezone: Annotated[str, Meta(min_length=1, max_length=50)] | UnsetType = UNSET
    theme: Theme | UnsetType = UNSET
