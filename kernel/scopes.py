"""How far a permission reaches: every row, those that were assigned to the actor, or the actor's own."""

from collections.abc import Iterable, Mapping
from typing import Literal

Scope = Literal["any", "assigned", "own"]
_REACH: Mapping[str, int] = {"own": 1, "assigned": 2, "any": 3}


def reaches(scope: Scope | None, other: Scope) -> bool:
    """Whether a scope that somebody has, or None, reaches as far as another."""
    return scope is not None and _REACH[scope] >= _REACH[other]


def by_reach(scopes: Iterable[Scope]) -> tuple[Scope, ...]:
    """Return the scopes, each once, the widest first."""
    return tuple(sorted(set(scopes), key=lambda scope: -_REACH[scope]))
