"""The HTTP handlers of courses."""

from litestar.handlers import HTTPRouteHandler

from plugins.courses.routes import (
    archives,
    captions,
    categories,
    courses,
    curriculum,
    enrollments,
    materials,
    publishing,
    reviews,
)

ROUTES: tuple[HTTPRouteHandler, ...] = (
    *categories.HANDLERS,
    *courses.HANDLERS,
    *publishing.HANDLERS,
    *curriculum.HANDLERS,
    *captions.HANDLERS,
    *materials.HANDLERS,
    *enrollments.HANDLERS,
    *reviews.HANDLERS,
    *archives.HANDLERS,
)
