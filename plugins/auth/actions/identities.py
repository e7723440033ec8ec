"""Linking accounts to what providers say, and taking links away; never the last way in."""

from uuid import UUID

from sqlalchemy import bindparam, delete
from sqlalchemy.dialects.postgresql import insert as insert_or_skip

from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import NotFound
from plugins.auth.actions.ways_in import check_another_way_in
from plugins.auth.errors import IdentityTaken
from plugins.auth.federation.assertions import Assertion
from plugins.auth.queries.identities import account_by_subject, identities_of
from plugins.auth.tables import UserIdentity

_INSERT = (
    insert_or_skip(UserIdentity)
    .values(
        user_id=bindparam("user"),
        authority=bindparam("authority"),
        subject=bindparam("subject"),
        email=bindparam("email"),
    )
    .on_conflict_do_nothing(index_elements=["tenant_id", "authority", "subject"])
)
_DELETE = delete(UserIdentity).where(UserIdentity.id == bindparam("id"), UserIdentity.user_id == bindparam("user"))


async def link(db: Db, user_id: UUID, assertion: Assertion) -> bool:
    """Let a provider's word open an account from now on; return False if it does so already.

    Raises:
        IdentityTaken: It belongs to another account.
    """
    linked = await db.run(
        _INSERT, user=user_id, authority=assertion.authority, subject=assertion.subject, email=assertion.email
    )
    if not linked:
        owner = await account_by_subject(db, authority=assertion.authority, subject=assertion.subject)
        if owner is None or owner.id != user_id:
            raise IdentityTaken
    return bool(linked)


async def unlink(db: Db, actor: Actor, identity_id: UUID) -> None:
    """Take away a link of one's own.

    Raises:
        NotFound: There is none with this id, or it is somebody else's.
        LastWayIn: There is no other way to sign in to the account.
    """
    if identity_id not in {each.id for each in await identities_of(db, actor.id)}:
        raise NotFound
    await check_another_way_in(db, actor.id, without=identity_id)
    if await db.run(_DELETE, id=identity_id, user=actor.id) == 0:
        raise NotFound
