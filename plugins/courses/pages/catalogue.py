"""The catalogue: courses as cards, narrowed by what is chosen in the address.

What is the same for everybody is read and drawn once (`keeps_parts`); who is enrolled gets those cards anew.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from litestar.params import Parameter
from litestar.types import Scope
from msgspec import Struct

from kernel.auth import Actor
from kernel.db import Db
from kernel.kept_answers import keeps_parts, kept_part
from kernel.routing import Offset
from plugins.courses.permissions import ENROLL
from plugins.courses.queries.browsing import Access, Chosen, Listing, catalogue_listing
from plugins.courses.queries.catalogue import CATALOGUE
from plugins.courses.queries.own_courses import going_on, own_courses
from plugins.courses.schemas.texts import Level

Sort = Literal["recommended", "relevance", "newest", "rating"]
Shown = tuple[str, Mapping[str, Any]]
PATH = "/courses"
CARDS = 24
_MOST_OWN = 200
_Short = Annotated[str, Parameter(max_length=100)]
_Many = Annotated[list[str] | None, Parameter(max_items=20)]


class Choice(Struct, frozen=True):
    """A value that is chosen, and the address of the page without it."""

    kind: str
    value: str
    label: str
    without: str


class CataloguePage:
    """A page of the catalogue, with those of its parts that have been drawn: the same for everybody, by language."""

    def __init__(self, chosen: Chosen, sort: Sort, offset: int, listing: Listing) -> None:
        self.chosen = chosen
        self.sort = sort
        self.offset = offset
        self.limit = CARDS
        self.listing = listing
        self._drawn: dict[tuple[str, str], str] = {}

    def once(self, language: str, part: str, macro: Callable[..., str], *given: Any) -> str:
        """Return a part as the macro has drawn it, in a language, when it was first asked for."""
        if (language, part) not in self._drawn:
            self._drawn[language, part] = macro(*given)
        return self._drawn[language, part]

    def address(self, *, sort: Sort | None = None, offset: int = 0, without: tuple[str, str] = ("", "")) -> str:
        """Return the address of this page with another order, another beginning, or one choice less."""
        chosen, order = self.chosen, sort or self.sort
        values: list[tuple[str, str]] = [("q", chosen.words)] if chosen.words else []
        values += [("category", each) for each in chosen.categories]
        values += [("level", each) for each in chosen.levels]
        values += [("access", each) for each in chosen.access]
        values += [("language", each) for each in chosen.languages]
        values = [each for each in values if each != without]
        values += [("sort", order)] if order != _usual(chosen) and (order != "relevance" or chosen.words) else []
        values += [("offset", str(offset))] if offset else []
        return f"{PATH}?{urlencode(values)}" if values else PATH

    @property
    def sorts(self) -> Sequence[Sort]:
        """In which orders the courses can stand."""
        return (*(("relevance",) if self.chosen.words else ()), "recommended", "newest", "rating")

    @property
    def choices(self) -> list[Choice]:
        """What is chosen, in the order in which it can be taken back."""
        names = {shelf.slug: shelf.name for shelf in self.listing.shelves}
        found = [("q", self.chosen.words, self.chosen.words)] if self.chosen.words else []
        found += [("category", each, names.get(each, each)) for each in self.chosen.categories]
        found += [("level", each, "") for each in self.chosen.levels]
        found += [("access", each, "") for each in self.chosen.access]
        found += [("language", each, "") for each in self.chosen.languages]
        return [Choice(kind, value, label, self.address(without=(kind, value))) for kind, value, label in found]


async def catalogue(
    db: Db,
    actor: Actor,
    scope: Scope,
    q: _Short = "",
    category: _Many = None,
    level: Annotated[list[Level] | None, Parameter(max_items=3)] = None,
    access: Annotated[list[Access] | None, Parameter(max_items=2)] = None,
    language: _Many = None,
    sort: Sort | None = None,
    offset: Offset = 0,
) -> Shown:
    """Show the published courses, what they can be narrowed to, and where to go on."""
    chosen = Chosen(
        words=q.strip(),
        categories=tuple(dict.fromkeys(category or ())),
        levels=tuple(dict.fromkeys(level or ())),
        access=tuple(dict.fromkeys(access or ())),
        languages=tuple(dict.fromkeys(language or ())),
    )
    order = sort if sort and (sort != "relevance" or chosen.words) else _usual(chosen)

    async def make() -> CataloguePage:
        listing = await catalogue_listing(db, actor, chosen, sort=order, limit=CARDS, offset=offset)
        return CataloguePage(chosen, order, offset, listing)

    page = await kept_part(db, scope, make)
    own = await own_courses(db, actor, ("active", "done"), limit=_MOST_OWN, detailed=1) if actor.may(ENROLL) else []
    return "courses/catalogue.html", {
        "page": page,
        "own": {each.course_id: each for each in own},
        "going_on": going_on(own) if not page.choices and not offset else None,
    }


def _usual(chosen: Chosen) -> Sort:
    return "relevance" if chosen.words else "recommended"


PAGES: Sequence[Mapping[str, Any]] = (
    {"path": PATH, "handler": catalogue, "access": "public", "opt": keeps_parts(CATALOGUE)},
)
NAVIGATION: Sequence[Mapping[str, Any]] = (
    {"id": "courses.catalogue", "area": "learn", "label": "Courses", "icon": "book", "path": PATH, "order": 20,
     "access": "public"},
)  # fmt: skip
SLOTS: Sequence[Mapping[str, Any]] = ()
