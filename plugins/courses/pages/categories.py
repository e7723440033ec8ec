"""The tree of categories, with how many courses each holds; moved by buttons, one place at a time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar.params import QueryParameter
from msgspec import Struct

from kernel.auth import Actor
from kernel.db import Db
from plugins.courses.permissions import EDIT_CATEGORIES
from plugins.courses.queries.categories import Shelf, shelves

Way = Literal["up", "down", "in", "out"]
_INSTEAD: Mapping[Way, Way] = {"up": "down", "down": "up", "in": "out", "out": "in"}
Moved = Annotated[UUID | None, QueryParameter(description="What was moved last, so that the focus stays with it.")]
By = Annotated[Way | None, QueryParameter(description="Which way it was moved.")]
Shown = tuple[str, Mapping[str, Any]]


class Move(Struct, frozen=True):
    """Where a category goes by one press: below which one, and before which one."""

    parent_id: UUID | None
    before_id: UUID | None


class Branch(Struct, frozen=True):
    """A category in the tree: how deep it stands, and where it can be moved."""

    shelf: Shelf
    depth: int
    moves: Mapping[Way, Move]


async def categories(db: Db, actor: Actor, moved: Moved = None, by: By = None) -> Shown:
    """Show the tree."""
    branches = list(_branches(await shelves(db, actor)))
    focus = next((_focus(branch, by) for branch in branches if by is not None and branch.shelf.id == moved), None)
    return "courses/categories.html", {"branches": branches, "moved": moved, "focus": focus}


def _focus(branch: Branch, by: Way) -> Way | None:
    """Return on which button whoever has moved a category goes on."""
    return next((way for way in (by, _INSTEAD[by], *branch.moves) if way in branch.moves), None)


def _branches(found: Sequence[Shelf]) -> Iterator[Branch]:
    known = {shelf.id for shelf in found}
    below: dict[UUID | None, list[Shelf]] = {}
    for shelf in found:
        below.setdefault(shelf.parent_id if shelf.parent_id in known else None, []).append(shelf)

    def walk(parent: Shelf | None, depth: int, after_parent: UUID | None) -> Iterator[Branch]:
        beside = below.get(parent.id if parent else None, [])
        for place, shelf in enumerate(beside):
            following = beside[place + 1].id if place + 1 < len(beside) else None
            yield Branch(shelf, depth, _moves(beside, place, parent, after_parent))
            yield from walk(shelf, depth + 1, following)

    return walk(None, 0, None)


def _moves(beside: Sequence[Shelf], place: int, parent: Shelf | None, after_parent: UUID | None) -> Mapping[Way, Move]:
    above = parent.id if parent else None
    moves: dict[Way, Move] = {}
    if place > 0:
        moves["up"] = Move(above, beside[place - 1].id)
    if place + 1 < len(beside):
        moves["down"] = Move(above, beside[place + 2].id if place + 2 < len(beside) else None)
    if place > 0:
        moves["in"] = Move(beside[place - 1].id, None)
    if parent is not None:
        moves["out"] = Move(parent.parent_id, after_parent)
    return moves


PAGES: Sequence[Mapping[str, Any]] = ({"path": "/admin/categories", "handler": categories, "access": EDIT_CATEGORIES},)
NAVIGATION: Sequence[Mapping[str, Any]] = (
    {
        "id": "courses.categories",
        "area": "admin",
        "group": "Learning",
        "label": "Categories",
        "icon": "menu",
        "path": "/admin/categories",
        "order": 230,
        "access": EDIT_CATEGORIES,
    },
)
SLOTS: Sequence[Mapping[str, Any]] = ()
