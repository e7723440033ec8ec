"""Which rows a permission reaches, in SQL: one condition for lists, counts and single rows alike.

Who holds a permission in which scope is `kernel.auth`; what "own" and "assigned" mean for a kind of rows, its plugin
says. A statement is made once for each scope:

    @cache
    def _page(scope: Scope) -> Executable:
        return select(...).where(within(scope, own=Report.author_id == ACTOR, assigned=IS_ASSIGNED))

    rows = await db.rows(Report, _page(actor.reach(READ_REPORT)), actor=actor.user_id)
"""

from sqlalchemy import ColumnElement, Uuid, bindparam, or_

from kernel.scopes import Scope

ACTOR = bindparam("actor", type_=Uuid)
"""The parameter that stands for whoever asks; `within` makes every statement take it, whatever the scope."""
_ANYBODY = or_(ACTOR.is_(None), ACTOR.is_not(None))


def within(
    scope: Scope, *, own: ColumnElement[bool], assigned: ColumnElement[bool] | None = None
) -> ColumnElement[bool]:
    """Return the condition that a row is within reach.

    Args:
        scope: How far the permission reaches for whoever asks (`Actor.reach`).
        own: That a row is the actor's own.
        assigned: That it is of somebody who is assigned to the actor, usually a subquery; own rows are within reach
            too. Without it nobody is assigned to anybody, and own rows remain.
    """
    if scope == "any":
        return _ANYBODY
    return own if scope == "own" or assigned is None else or_(own, assigned)
