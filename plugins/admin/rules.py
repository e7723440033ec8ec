"""Who may change what a role may."""

from collections.abc import Collection, Mapping

from kernel.errors import DomainError, FieldError, Invalid
from kernel.scopes import Scope, reaches
from plugins.admin.errors import AdministratorsKeep, BeyondOwnPower, OwnRole

ADMIN = "admin"


def check_grants(
    change: Mapping[str, Scope | None],
    *,
    role: str,
    own_role: str,
    own: Mapping[str, Scope],
    present: Mapping[str, Scope],
    first: Mapping[str, Scope],
    grantable: Mapping[str, Collection[Scope]],
) -> None:
    """Refuse a change of what a role may that is not for this actor (rule 27), naming every permission at fault.

    Whoever may change roles gives what they hold, and gives back what a role held at first; they take away anything,
    except from administrators: what one of those lacks none of them could give back.

    Args:
        change: By permission: the scope, or None to take it away.
        role: Whose.
        own_role: The actor's.
        own: What the actor may.
        present: What the role may now.
        first: What the role may as long as nobody has changed it.
        grantable: The permissions of the plugins that act, each with the scopes that it knows.

    Raises:
        Invalid: There is no such permission, or it knows no such scope.
        OwnRole: It is the actor's own role.
        AdministratorsKeep: Something would be taken from administrators that they hold at first.
        BeyondOwnPower: The actor does not hold it as far.
    """
    _raise(Invalid, _unknown(change, grantable))
    if role == own_role:
        raise OwnRole
    if role == ADMIN:
        kept = [name for name, scope in change.items() if name in first and not reaches(scope, first[name])]
        _raise(AdministratorsKeep, [FieldError(f"permissions.{name}", AdministratorsKeep.title) for name in kept])
    held = (present, first, own)
    beyond = [
        name
        for name, scope in change.items()
        if scope is not None and not any(reaches(each.get(name), scope) for each in held)
    ]
    _raise(BeyondOwnPower, [FieldError(f"permissions.{name}", BeyondOwnPower.title) for name in beyond])


def _unknown(change: Mapping[str, Scope | None], grantable: Mapping[str, Collection[Scope]]) -> list[FieldError]:
    errors = []
    for name, scope in change.items():
        if name not in grantable:
            errors.append(FieldError(f"permissions.{name}", "There is no such permission here."))
        elif scope is not None and scope not in grantable[name]:
            known = ", ".join(grantable[name])
            errors.append(FieldError(f"permissions.{name}", f"It is given as {known}, or null to take it away."))
    return errors


def _raise(kind: type[DomainError], errors: list[FieldError]) -> None:
    if errors:
        raise kind(errors=errors)
