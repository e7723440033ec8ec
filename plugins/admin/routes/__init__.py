"""The HTTP routes of administration."""

from litestar.handlers import HTTPRouteHandler

from plugins.admin.routes import audit_logs, plugins, roles, settings, tenants

ROUTES: tuple[HTTPRouteHandler, ...] = (
    *settings.ROUTES,
    *roles.ROUTES,
    *plugins.ROUTES,
    *tenants.ROUTES,
    *audit_logs.ROUTES,
)
