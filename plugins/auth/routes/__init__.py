"""The HTTP handlers of auth, a file for each noun."""

from litestar.handlers import HTTPRouteHandler

from plugins.auth.routes import (
    devices,
    federation,
    files,
    identities,
    me,
    passkeys,
    passwords,
    personal_data,
    registration,
    second_factors,
    sessions,
    users,
)

ROUTES: tuple[HTTPRouteHandler, ...] = (
    *registration.HANDLERS,
    *sessions.HANDLERS,
    *second_factors.HANDLERS,
    *passkeys.HANDLERS,
    *passwords.HANDLERS,
    *federation.HANDLERS,
    *me.HANDLERS,
    *identities.HANDLERS,
    *devices.HANDLERS,
    *users.HANDLERS,
    *files.HANDLERS,
    *personal_data.HANDLERS,
)
