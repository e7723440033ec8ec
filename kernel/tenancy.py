"""Tenants: which one a request belongs to, what acts for it, what it has chosen.

Found by host (or slug) through definer functions, because the app role cannot read the table of tenants; kept in
the process until Redis tells another version (`kernel.gate`).
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import ColumnClause, Integer, Text, Uuid, bindparam, column, func, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from kernel.auth import Permission
from kernel.choices import Secrets, read
from kernel.db import Database, Origin
from kernel.errors import NotFound
from kernel.grants import granted
from kernel.keys import Keyring
from kernel.plugin import Contribution
from kernel.scopes import Scope
from kernel.settings import SettingsSpec
from kernel.strangers import Strangers

S = TypeVar("S", bound=msgspec.Struct)

log = structlog.get_logger(__name__)

_FRESH_S = 30.0
_FRESH_WITHOUT_REDIS_S = 2.0
_MOST_HOSTS = 10_000

_COLUMNS: tuple[ColumnClause[Any], ...] = (
    column("id", Uuid),
    column("slug", Text),
    column("name", Text),
    column("is_active"),
    column("plugins", ARRAY(Text)),
    column("settings", JSONB),
    column("version", Integer),
    column("host", Text),
)
_BY_HOST = select(
    func.kernel.tenant_by_host(bindparam("host", type_=Text)).table_valued(*_COLUMNS, joins_implicitly=True)
)
_BY_ID = select(func.kernel.tenant_by_id(bindparam("id", type_=Uuid)).table_valued(*_COLUMNS, joins_implicitly=True))
_BY_SLUG = select(
    func.kernel.tenant_by_slug(bindparam("slug", type_=Text)).table_valued(*_COLUMNS, joins_implicitly=True)
)


class TenantUnknown(NotFound):
    """No tenant answers at this host."""

    code = "kernel.tenant_unknown"
    title = "No school is at home at this address."


class TenantRow(msgspec.Struct, frozen=True):
    """A tenant as stored."""

    id: UUID
    slug: str
    name: str
    is_active: bool
    plugins: list[str] | None
    settings: dict[str, Any]
    version: int
    host: str | None


class Tenant:
    """A tenant as the code sees it: its acting plugins, its settings as Structs, what each role may."""

    def __init__(
        self,
        row: TenantRow,
        acting: frozenset[str],
        permissions: tuple[Permission, ...],
        contributions: Callable[[str], tuple[Contribution, ...]] = lambda hook: (),
        *,
        keyring: Keyring,
        origin: str = "",
    ) -> None:
        self.id = row.id
        self.slug = row.slug
        self.name = row.name
        self.host = row.host or ""
        self.version = row.version
        self.listed = row.plugins
        self.plugins = acting
        self._stored = row.settings
        self._secrets = Secrets(keyring, row.id)
        self._origin = origin
        self._settings: dict[str, msgspec.Struct] = {}
        self._permissions = tuple(each for each in permissions if each.name.split(".", 1)[0] in acting | {"kernel"})
        self._grants: dict[str, Mapping[str, Scope]] = {}
        self._contributions = contributions

    @property
    def permissions(self) -> tuple[Permission, ...]:
        """The permissions of the kernel and of the plugins that act here."""
        return self._permissions

    @property
    def chosen(self) -> Mapping[str, Any]:
        """What the tenant has chosen, as stored: secrets encrypted, defaults absent."""
        return self._stored

    def url(self, path: str) -> str:
        """Return the address of a path of this tenant, for mails and other links that leave a page.

        It leads to the tenant's own host (its primary one), whatever the Host header of a request says.
        """
        return self._origin + path

    def grants(self, role: str) -> Mapping[str, Scope]:
        """Return what a role may, permission by permission, with its scope."""
        if role not in self._grants:
            self._grants[role] = granted(self._permissions, role, self._stored.get("roles"))
        return self._grants[role]

    def contributions(self, hook: str) -> tuple[Contribution, ...]:
        """Return what plugins that act here gave to a hook that another one offers, in the plugins' order.

        Raises:
            LookupError: No loaded plugin offers this hook.
        """
        return tuple(each for each in self._contributions(hook) if each.plugin in self.plugins)

    def setting(self, spec: SettingsSpec, kind: type[S]) -> S:
        """Return the tenant's settings of one category, defaults filled in, secrets as plain text.

        What is stored and does not fit any more counts as the default, and is logged.
        """
        if spec.category not in self._settings:
            chosen, misfits = read(spec, kind, self._stored.get(spec.category, {}), self._secrets)
            if misfits:
                log.warning("settings.do_not_fit", tenant=self.slug, fields=misfits)
            self._settings[spec.category] = chosen
        return cast("S", self._settings[spec.category])


class TenantDirectory:
    """Finds tenants and keeps them, per process."""

    def __init__(
        self,
        database: Database,
        acting: Callable[[list[str] | None], frozenset[str]],
        permissions: tuple[Permission, ...],
        contributions: Callable[[str], tuple[Contribution, ...]],
        *,
        keyring: Keyring,
        address_of: Callable[[str], str],
    ) -> None:
        self._database = database
        self._acting = acting
        self._permissions = permissions
        self._contributions = contributions
        self._keyring = keyring
        self._address_of = address_of
        self._hosts: dict[str, UUID] = {}
        self._tenants: dict[UUID, tuple[Tenant, float]] = {}
        self._directory_version: int | None = None
        self._losses = 0
        self._in_doubt = False
        self._strangers = Strangers()

    async def by_host(self, host: str, *, caller: str = "") -> Tenant:
        """Return the tenant at home at a host; the only tenant answers at every host.

        Args:
            host: Without a port.
            caller: Whose request it is, so that they cannot try names without end; background work has none.

        Raises:
            TenantUnknown: There is none, or it is switched off.
            RateLimited: The caller has tried too many that there are not.
        """
        if (tenant := self._known(host, caller)) is not None:
            return tenant
        async with self._database.transaction(Origin(tenant_id=None)) as db:
            row = await db.row(TenantRow, _BY_HOST, host=host)
        return self._remember(host, row, caller)

    async def by_id(self, tenant_id: UUID, *, version: int | None = None) -> Tenant:
        """Return a tenant by its id, for background work.

        Args:
            tenant_id: Which one.
            version: What is kept counts only if it is at least this new.

        Raises:
            TenantUnknown: There is none, or it is switched off.
        """
        if (tenant := self._fresh(tenant_id)) is not None and (version is None or tenant.version >= version):
            return tenant
        async with self._database.transaction(Origin(tenant_id=None)) as db:
            row = await db.row(TenantRow, _BY_ID, id=tenant_id)
        return self._keep(row)

    async def by_slug(self, slug: str, *, caller: str = "") -> Tenant:
        """Return a tenant by its slug, named by a trusted proxy.

        Raises:
            TenantUnknown: There is none, or it is switched off.
            RateLimited: The caller has tried too many that there are not.
        """
        key = f"slug:{slug}"
        if (tenant := self._known(key, caller)) is not None:
            return tenant
        async with self._database.transaction(Origin(tenant_id=None)) as db:
            row = await db.row(TenantRow, _BY_SLUG, slug=slug)
        return self._remember(key, row, caller)

    def remembered(self, host: str, slug: str = "") -> Tenant | None:
        """Return the tenant at home at a host, or of a slug, if this process has just seen it: nobody is asked."""
        known = self._hosts.get(f"slug:{slug}" if slug else host)
        return self._fresh(known) if known is not None else None

    def _known(self, key: str, caller: str) -> Tenant | None:
        known = self._hosts.get(key)
        if known is None and caller:
            self._strangers.check(caller)
        return self._fresh(known) if known is not None else None

    def _remember(self, key: str, row: TenantRow | None, caller: str) -> Tenant:
        try:
            tenant = self._keep(row)
        except TenantUnknown:
            self._hosts.pop(key, None)
            if caller:
                self._strangers.note(caller)
            raise
        if len(self._hosts) >= _MOST_HOSTS:
            self._hosts.clear()
        self._hosts[key] = tenant.id
        return tenant

    def doubt(self) -> None:
        """Believe what is kept for a moment only: Redis does not answer, so nobody tells what changes."""
        self._in_doubt = True

    def is_current(
        self, tenant: Tenant, version: int | None, directory_version: int | None, losses: int | None = None
    ) -> bool:
        """Whether what is kept agrees with the versions that Redis told; forgets it if not.

        Args:
            tenant: As it is kept.
            version: The tenant's, None if nobody has told one.
            directory_version: Of the hosts.
            losses: How often Redis was lost; after each time all is asked anew, since news went unheard.
        """
        current = True
        self._in_doubt = False
        losses = self._losses if losses is None else losses
        if (directory_version, losses) != (self._directory_version, self._losses):
            self._hosts.clear()
            self._tenants.clear()
            self._directory_version, self._losses = directory_version, losses
            current = False
        if version is not None and version > tenant.version:
            self._tenants.pop(tenant.id, None)
            current = False
        return current

    def _fresh(self, tenant_id: UUID) -> Tenant | None:
        kept = self._tenants.get(tenant_id)
        # Redis may have lost a version; a process believes itself for half a minute at most.
        fresh_s = _FRESH_WITHOUT_REDIS_S if self._in_doubt else _FRESH_S
        return kept[0] if kept is not None and time.monotonic() - kept[1] < fresh_s else None

    def _keep(self, row: TenantRow | None) -> Tenant:
        if row is None or not row.is_active:
            raise TenantUnknown
        tenant = Tenant(
            row,
            self._acting(row.plugins),
            self._permissions,
            self._contributions,
            keyring=self._keyring,
            origin=self._address_of(row.host or ""),
        )
        self._tenants[tenant.id] = (tenant, time.monotonic())
        return tenant
