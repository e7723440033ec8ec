"""The HTTP handlers of the plugin."""

from litestar.handlers import HTTPRouteHandler

from plugins.media.routes import files, library, logo, tus

ROUTES: tuple[HTTPRouteHandler, ...] = (
    *files.UPLOADS,
    *tus.HANDLERS,
    *library.HANDLERS,
)
ROOT_ROUTES: tuple[HTTPRouteHandler, ...] = (files.read_file, *logo.HANDLERS)
