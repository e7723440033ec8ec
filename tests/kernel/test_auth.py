"""What an actor may do and how permissions are told in short."""

import json
from typing import Any

import pytest

from kernel.auth import MOST_PATTERN_BYTES, Actor, Permission, grant_patterns
from kernel.errors import Forbidden, Unauthenticated
from kernel.ids import new_id

MAKE, READ = Permission("lab.thing.make", "Make"), Permission("lab.thing.read", "Read")
PERMISSIONS = [Permission(name, name) for name in ("lab.box.open", "lab.thing.make", "lab.thing.read", "x.y.z")]


def test_actor_holds_what_is_granted_as_far_as_it_reaches() -> None:
    actor = Actor(new_id(), new_id(), "student", grants={"lab.thing.read": "own"})

    assert (actor.may(READ), actor.scope(READ)) == (True, "own")
    assert (actor.may(MAKE), actor.scope(MAKE)) == (False, None)


@pytest.mark.parametrize("scope", ["own", "assigned"])
def test_actor_is_limited_to_own_rows(scope: Any) -> None:
    actor = Actor(new_id(), new_id(), "student", grants={"lab.thing.read": scope})

    assert actor.limited_to(READ) == actor.user_id


def test_actor_with_any_is_limited_to_nobodys_rows() -> None:
    assert Actor(new_id(), new_id(), "admin", grants={"lab.thing.read": "any"}).limited_to(READ) is None


def test_actor_without_the_permission_is_refused() -> None:
    with pytest.raises(Forbidden):
        Actor(new_id(), new_id(), "student").limited_to(READ)


def test_nobody_has_no_id_and_no_own_rows() -> None:
    nobody = Actor(new_id(), grants={"lab.thing.read": "own", "lab.thing.make": "any"})

    with pytest.raises(Unauthenticated):
        _ = nobody.id
    with pytest.raises(Unauthenticated):
        nobody.limited_to(READ)
    assert nobody.limited_to(MAKE) is None


@pytest.mark.parametrize(
    ("grants", "patterns"),
    [
        ({}, []),
        ({"lab.box.open": "own", "lab.thing.make": "own", "lab.thing.read": "own"}, ["lab.*:own"]),
        (
            {"lab.box.open": "any", "lab.thing.make": "own", "lab.thing.read": "own"},
            ["lab.box.open:any", "lab.thing.*:own"],
        ),
        ({"lab.thing.read": "any", "x.y.z": "any"}, ["lab.thing.read:any", "x.y.z:any"]),
    ],
)
def test_grant_patterns_are_as_few_as_they_can_be(grants: dict[str, Any], patterns: list[str]) -> None:
    assert grant_patterns(grants, PERMISSIONS) == patterns


def test_grant_patterns_end_where_a_token_is_full() -> None:
    many = [Permission(f"lab.thing{number:03}.do", "Do") for number in range(200)]
    grants: dict[str, Any] = {each.name: ("own", "any")[number % 2] for number, each in enumerate(many)}

    patterns = grant_patterns(grants, many)

    assert patterns[-1] == "..."
    assert patterns[:-1] == [f"{name}:{scope}" for name, scope in grants.items()][: len(patterns) - 1]
    assert MOST_PATTERN_BYTES - 50 < len(json.dumps(patterns, separators=(",", ":"))) < MOST_PATTERN_BYTES + 10
