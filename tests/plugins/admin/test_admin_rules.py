"""Who may give what to whom, and cells that are no formulas."""

from typing import Any

import pytest

from kernel.errors import DomainError, Invalid
from plugins.admin.errors import AdministratorsKeep, BeyondOwnPower, OwnRole
from plugins.admin.rules import check_grants

FIRST: dict[str, dict[str, Any]] = {
    "admin": {"x.make": "any", "x.see": "any", "roles": "any"},
    "instructor": {"x.make": "own", "x.see": "assigned"},
    "student": {"x.see": "own", "x.redeem": "any"},
}
GRANTABLE: dict[str, Any] = {
    "x.make": ("any", "own"),
    "x.see": ("any", "assigned", "own"),
    "x.redeem": ("any",),
    "roles": ("any",),
    "x.burn": ("any",),
}


def check(role: str, by: str, *, also: Any = None, present: Any = None, **change: Any) -> None:
    """Check a change of a role by somebody who holds what their role does at first, and more."""
    named = {name.replace("_", "."): scope for name, scope in change.items()}
    check_grants(
        named,
        role=role,
        own_role=by,
        own={**FIRST[by], **(also or {})},
        present=FIRST[role] if present is None else present,
        first=FIRST[role],
        grantable=GRANTABLE,
    )


@pytest.mark.parametrize(
    ("role", "by", "options"),
    [
        ("student", "admin", {"x_make": "any", "x_see": "any"}),
        ("student", "admin", {"x_make": "own", "x_see": None}),
        # Given back, although an administrator cannot redeem.
        ("student", "admin", {"x_redeem": "any", "present": {}}),
        ("instructor", "admin", {"roles": "any", "x_make": None}),
        # Narrowed, not given.
        ("student", "instructor", {"x_see": "own", "present": {"x.see": "any"}}),
        ("student", "instructor", {"x_make": "own", "also": {"roles": "any"}}),
        ("admin", "instructor", {"x_make": "any", "also": {"roles": "any"}}),
        ("student", "admin", {}),
    ],
)
def test_change_of_a_role_is_allowed(role: str, by: str, options: dict[str, Any]) -> None:
    check(role, by, **options)


@pytest.mark.parametrize(
    ("role", "by", "options", "error", "fields"),
    [
        ("student", "admin", {"x_redem": "any", "x_burn": "own"}, Invalid, ["x.redem", "x.burn"]),
        ("admin", "admin", {"x_make": None}, OwnRole, []),
        ("instructor", "instructor", {"x_see": "any", "also": {"x.see": "any"}}, OwnRole, []),
        ("student", "admin", {"x_burn": "any"}, BeyondOwnPower, ["x.burn"]),
        ("student", "instructor", {"x_make": "any", "x_see": "any"}, BeyondOwnPower, ["x.make", "x.see"]),
        ("instructor", "admin", {"x_redeem": "any"}, BeyondOwnPower, ["x.redeem"]),
        ("admin", "instructor", {"x_make": "own", "roles": None}, AdministratorsKeep, ["x.make", "roles"]),
        ("admin", "instructor", {"x_burn": "any"}, BeyondOwnPower, ["x.burn"]),
    ],
)
def test_change_of_a_role_is_refused(
    role: str, by: str, options: dict[str, Any], error: type[DomainError], fields: list[str]
) -> None:
    with pytest.raises(error) as refused:
        check(role, by, **options)

    assert [each.field for each in refused.value.errors] == [f"permissions.{name}" for name in fields]
