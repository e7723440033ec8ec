"""The HTTP handlers of auth, a file for each noun."""

from litestar.handlers import HTTPRouteHandler

from plugins.auth.routes import me, registration, sessions, users

ROUTES: tuple[HTTPRouteHandler, ...] = (
    *registration.HANDLERS,
    *sessions.HANDLERS,
    *me.HANDLERS,
    *users.HANDLERS,
)
