"""The list of courses, with what it could be narrowed to."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from kernel.routing import Page
from plugins.courses.schemas.courses import CourseCard


class Facet(Struct, frozen=True):
    """A value of the query parameter of this name, and how many courses of the list have it."""

    value: str
    count: int


class CategoryFacet(Struct, frozen=True):
    """A category, and how many courses of the list stand directly in it."""

    id: UUID
    name: str
    slug: str
    count: int


class CourseFacets(Struct, frozen=True):
    """What the list holds, by query parameter; what it does not hold is left out."""

    category: Sequence[CategoryFacet]
    level: Sequence[Facet]
    language: Sequence[Facet]
    free: Sequence[Facet]


class CataloguePage(Page[CourseCard], frozen=True):
    """One page of the list of courses."""

    facets: CourseFacets
