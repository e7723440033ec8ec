"""How many mails go in an hour: to one recipient, so that nobody floods a mailbox, and for one tenant.

Redis keeps the ids of the hour's mails, so that one which is looked at again and again, because it has to wait, counts
once. Recipients stand there as keyed hashes.
"""

from uuid import UUID

from redis.asyncio import Redis

from kernel.clock import now
from kernel.keys import Keyring
from kernel.mail.servers import parse_address
from kernel.mail.wording import MailTemplate

_HOUR_S = 3600


async def recipient_has_room(
    redis: Redis, keyring: Keyring, tenant_id: UUID, template: MailTemplate, *, mail_id: UUID, to: str
) -> bool:
    """Count a mail for its recipient; say whether it is among those that may go in this hour."""
    _, mac = keyring.mac("mail", f"{tenant_id}/{parse_address(to).addr_spec.casefold()}".encode())
    key = f"{_key(tenant_id)}:{template.name}:{mac.hex()[:32]}"
    async with redis.pipeline(transaction=True) as pipeline:
        pipeline.sadd(key, mail_id.hex)
        pipeline.expire(key, _HOUR_S)
        pipeline.scard(key)
        *_, count = await pipeline.execute()
    return int(count) <= template.most_per_hour


async def tenant_has_room(redis: Redis, tenant_id: UUID, *, mail_id: UUID, most: int) -> bool:
    """Count a mail for its tenant if it may go in this hour; say whether it may."""
    key = _key(tenant_id)
    async with redis.pipeline(transaction=True) as pipeline:
        pipeline.sismember(key, mail_id.hex)
        pipeline.scard(key)
        is_counted, count = await pipeline.execute()
    if is_counted:
        return True
    if int(count) >= most:
        return False
    async with redis.pipeline(transaction=True) as pipeline:
        pipeline.sadd(key, mail_id.hex)
        pipeline.expire(key, _HOUR_S)
        await pipeline.execute()
    return True


def _key(tenant_id: UUID) -> str:
    return f"t:{tenant_id}:mails:{int(now().timestamp()) // _HOUR_S}"
