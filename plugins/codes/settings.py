"""How long a tenant keeps what nobody needs of its codes any more, and on what paper it prints them."""

from typing import Annotated

from msgspec import Meta, Struct

from kernel.settings import SettingsSpec
from plugins.codes.paper import PaperName


class CodesSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The category `codes`."""

    keep_expired_days: Annotated[
        int,
        Meta(
            ge=0,
            le=3650,
            title="Expired codes",
            description="How long codes are kept after they have expired; 0 for ever.",
        ),
    ] = 365
    keep_attempts_days: Annotated[
        int,
        Meta(
            ge=30, le=3650, title="Attempts", description="How long is kept who tried which code, from which address."
        ),
    ] = 90
    paper: Annotated[
        PaperName, Meta(title="Paper", description="On what cards are printed, where nobody chooses another.")
    ] = "a4"


SETTINGS = SettingsSpec("codes", CodesSettings, "Access codes")
