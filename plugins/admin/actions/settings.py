"""Changing the settings of one's tenant."""

import re
from collections.abc import Mapping
from typing import Any

from kernel.auth import Actor
from kernel.db import Db
from kernel.tenant_settings import change_settings, etag_of
from plugins.admin.queries.settings import categories, settings_of
from plugins.admin.schemas import Values

_ETAG = re.compile(r'"([^"]*)"')


async def update_settings(db: Db, actor: Actor, change: Mapping[str, Any], *, if_match: str = "") -> Values:
    """Merge a change into the settings, by category; all of it or nothing, felt at once in every process.

    Needs: admin.settings.update

    Args:
        db: The transaction.
        actor: An operator may also change what reaches beyond the tenant.
        change: By category and name; null brings a default back, `***` leaves a secret as it is.
        if_match: The ETag of what was read: of these categories, or of all.

    Raises:
        Invalid: Names every field that is wrong.
        OperatorSetting: Names the fields that only an operator may change.
        SettingsChangedMeanwhile: Somebody else has changed them since.
    """
    specs = categories(db.deployment, db.tenant)

    def is_expected(stored: Mapping[str, Any]) -> bool:
        known = {etag_of(stored, specs), etag_of(stored, change)}
        return if_match.strip() in ("", "*") or not known.isdisjoint(_ETAG.findall(if_match))

    async with db.deployment.operator_session(actor, "settings", db.origin) as operator:
        version = await change_settings(
            operator, db.tenant_id, specs, change, is_operator=actor.is_operator, is_expected=is_expected
        )
    tenant = await db.deployment.tenants.by_id(db.tenant_id, version=version)
    return settings_of(db.deployment, tenant, [name for name in specs if name in change])
