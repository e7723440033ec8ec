"""The commands `collegium mail ...`."""

from argparse import Namespace

from kernel.db import Origin
from kernel.deployment import Deployment
from kernel.mail.outgoing import failed_mails


async def try_mail(deployment: Deployment, options: Namespace) -> str:
    """Send a test mail by a tenant's way at once and return who took it."""
    from kernel.mail.trial import send_test_mail  # import: start-up-time

    tenant = await deployment.tenants.by_slug(options.tenant)
    return f"Taken by {await send_test_mail(deployment, tenant, to=options.to, is_operator=True)}."


async def list_failed(deployment: Deployment, options: Namespace) -> str:
    """Return a line for each mail of a tenant that is not tried any more."""
    tenant = await deployment.tenants.by_slug(options.tenant)
    async with deployment.database.transaction(Origin(tenant.id, request_id="mail-failed"), tenant) as db:
        found = await failed_mails(db)
    lines = [f"{each.id}\t{each.template}\t{each.failed_at:%Y-%m-%d %H:%M}\t{each.last_answer}" for each in found]
    return "\n".join(lines) or "No mail has failed."
