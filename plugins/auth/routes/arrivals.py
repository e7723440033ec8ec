"""What the routes of signing in share: how they count, and how the request came in."""

from collections.abc import Mapping
from typing import Any

from litestar.types import Scope

from kernel.door import Arrival
from kernel.routing import OPEN_TO_RESTRICTED, limited

# A credential that has expired must not keep anybody from signing in, refreshing or signing out.
CREDENTIAL_IGNORED: Mapping[str, Any] = {"credential_ignored": True}
COUNTED_AS_LOGIN: Mapping[str, Any] = {**CREDENTIAL_IGNORED, "door": "login"}
ASKS_PASSWORD: Mapping[str, Any] = {**OPEN_TO_RESTRICTED, **limited("login")}
"""Of a route on second factors that asks for the password: guessing there counts as guessing at sign-in."""


def arrival_of(scope: Scope) -> Arrival:
    """Return what the door read of the request's headers."""
    arrival: Arrival = scope["state"]["arrival"]
    return arrival
