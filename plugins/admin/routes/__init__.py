"""The HTTP routes of administration."""

from litestar.handlers import HTTPRouteHandler

from plugins.admin.routes import audit_logs, mail_templates, plugins, roles, settings, tenants

ROUTES: tuple[HTTPRouteHandler, ...] = (
    *settings.ROUTES,
    *roles.ROUTES,
    *plugins.ROUTES,
    *mail_templates.ROUTES,
    *tenants.ROUTES,
    *audit_logs.ROUTES,
)
