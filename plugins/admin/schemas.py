"""What administrators and operators send and get."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from kernel.mail.templates import TemplateSummary
from kernel.routing import Body
from kernel.scopes import Scope
from plugins.auth.api import Email, PersonName, UserRef

Values = dict[str, dict[str, Any]]
"""Settings by category and name."""
TenantName = Annotated[str, Meta(min_length=1, max_length=200)]
Hostnames = Annotated[list[Annotated[str, Meta(min_length=1, max_length=254)]], Meta(max_length=100)]
PluginName = Annotated[str, Meta(min_length=1, max_length=63)]


class SettingsCategory(Struct, frozen=True):
    """One category, so that a page can draw its form.

    `operator` are the fields that only an operator may change, `public` those that everybody may read.
    """

    category: str
    title: str
    operator: Sequence[str]
    public: Sequence[str]
    schema: Mapping[str, Any]


class SettingsForms(Struct, frozen=True):
    """Every category that there is for this tenant."""

    categories: Sequence[SettingsCategory]


class PermissionRow(Struct, frozen=True):
    """A permission, and how far it reaches for each role: now, and as long as nobody has changed it."""

    name: str
    title: str
    plugin: str
    scopes: Sequence[Scope]
    grants: Mapping[str, Scope | None]
    defaults: Mapping[str, Scope | None]


class RoleMatrix(Struct, frozen=True):
    """What every role may."""

    roles: Sequence[str]
    permissions: Sequence[PermissionRow]


class UpdateRoleRequest(Body, frozen=True):
    """The permissions to change: how far each shall reach, or null to take it away."""

    permissions: Annotated[dict[Annotated[str, Meta(max_length=200)], Scope | None], Meta(max_length=1000)]


class PluginCard(Struct, frozen=True):
    """A plugin of the deployment in the eyes of a tenant."""

    name: str
    title: str
    version: str
    summary: str
    requires: Sequence[str]
    essential: bool
    state: Literal["acts", "off", "set_aside"]
    reason: str


class PluginList(Struct, frozen=True):
    """Every plugin of the deployment."""

    items: Sequence[PluginCard]


class MailTemplateList(Struct, frozen=True):
    """Every kind of mail that is sent here."""

    items: Sequence[TemplateSummary]


class WordingRequest(Body, frozen=True):
    """A mail in the tenant's own words: plain text in which `{{name}}` stands for a value."""

    subject: Annotated[str, Meta(min_length=1, max_length=200)]
    body: Annotated[str, Meta(min_length=1, max_length=20_000)]


class TrialMailRequest(Body, frozen=True):
    """To whom a test mail shall go."""

    to: Annotated[str, Meta(min_length=3, max_length=254)]
    locale: Annotated[str, Meta(min_length=2, max_length=20)] = "en"


class TrialMailSent(Struct, frozen=True):
    """Which server took the mail, or the folder into which it was written; the service's own only operators see."""

    sent_by: str


class FirstAdministrator(Body, frozen=True, kw_only=True):
    """Who shall administer a new tenant; they are invited by mail to choose a password."""

    email: Email
    first_name: PersonName
    last_name: PersonName


class CreateTenantRequest(Body, frozen=True, kw_only=True):
    """A new tenant; the first host name is the one that links lead to."""

    slug: Annotated[str, Meta(max_length=63)]
    name: TenantName
    hostnames: Annotated[Hostnames, Meta(min_length=1)]
    plugins: Annotated[list[PluginName], Meta(max_length=200)] | None = None
    """Those to switch on; every loaded one when absent."""
    admin: FirstAdministrator | None = None


class UpdateTenantRequest(Body, frozen=True, kw_only=True):
    """What may change about a tenant; an absent field stays as it is. Host names are given all at once."""

    name: TenantName | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    hostnames: Hostnames | UnsetType = UNSET


class EnablePluginsRequest(Body, frozen=True):
    """The plugins that shall be switched on for a tenant: all of them."""

    enabled: Annotated[list[PluginName], Meta(max_length=200)]


class PluginSwitch(Struct, frozen=True):
    """What a change of a tenant's plugins does, or would do, each with its reason."""

    enabled: Sequence[str] | None
    on: Sequence[str]
    off: Sequence[str]
    idle: Sequence[str]
    reasons: Mapping[str, str]
    is_preview: bool


class ErasureBegun(Struct, frozen=True):
    """A tenant's data is being erased: `GET /tasks/{task_id}` tells how far it is."""

    task_id: UUID


class AuditEntry(Struct, frozen=True):
    """What happened, by whom, from where, old and new values; secrets are `***`."""

    id: UUID
    created_at: datetime
    action: str
    entity_type: str
    entity_id: UUID | None
    user_id: UUID | None
    user: UserRef | None
    old_values: Mapping[str, Any] | None
    new_values: Mapping[str, Any] | None
    ip_address: str | None
    user_agent: str | None
    request_id: str | None


class AuditPage(Struct, frozen=True):
    """The latest entries; `next_before` is the `before` of the next page, null on the last."""

    items: Sequence[AuditEntry]
    limit: int
    next_before: UUID | None
