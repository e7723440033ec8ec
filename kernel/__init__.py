"""The framework: database, identity, events, routing and plugins. It knows no feature.

`PUBLIC` lists what plugin authors may import and from which module; the rest may change in any version. The names are
not gathered here, because then whoever needs the errors alone (a test, the type checker's plugin, the process that
starts the database) would load the web framework and SQLAlchemy, which takes ten times as long.
"""

from collections.abc import Mapping

PUBLIC: Mapping[str, tuple[str, ...]] = {
    "kernel.auth": (
        "AccessClaims",
        "Actor",
        "Permission",
        "Scope",
        "grant_patterns",
        "public",
        "requires",
        "signed_in",
    ),
    "kernel.clock": ("now",),
    "kernel.commands": ("Command",),
    "kernel.db": ("Contended", "DatabaseUnavailable", "Db", "OutcomeUnknown"),
    "kernel.ddl": ("secure_tenant_table", "tenant_columns"),
    "kernel.demo": ("DemoStep",),
    "kernel.deployment": ("Deployment",),
    "kernel.door": ("Arrival", "access_cookie_name"),
    "kernel.errors": (
        "Conflict",
        "DomainError",
        "FieldError",
        "Forbidden",
        "Invalid",
        "NotFound",
        "RateLimited",
        "TooLarge",
        "Unauthenticated",
        "Unavailable",
    ),
    "kernel.events": ("Event", "Listener", "publish"),
    "kernel.failures": ("Failure", "list_failures", "retry_failures"),
    "kernel.gate": ("Limit",),
    "kernel.hookspecs": ("hookimpl", "hookspec"),
    "kernel.identity": ("Identity", "SessionState"),
    "kernel.ids": ("new_id",),
    "kernel.keys": ("Keyring", "UnknownKey"),
    "kernel.outbound": ("Answer", "OutboundFailed", "OutboundRefused", "fetch", "resolve_public"),
    "kernel.plugin": ("Contribution", "Plugin"),
    "kernel.problems": ("UnsupportedMedia",),
    "kernel.routing": ("Body", "Limit", "Offset", "Page", "limited", "rows_for"),
    "kernel.settings": ("KERNEL_SETTINGS", "SecuritySettings", "SettingsSpec"),
    "kernel.storage": (
        "ByteRange",
        "Disposition",
        "MEDIA_PATH",
        "MediaGrant",
        "StoredObject",
        "ranged_response",
        "safe_filename",
        "sign_media_url",
        "verify_media_url",
    ),
    "kernel.tables": (
        "NormalisedText",
        "normalised",
        "one_of",
        "secret_column",
        "table_base",
        "tenant_reference",
        "tenant_unique",
    ),
    "kernel.tasks": ("AnyTask", "NoPayload", "Task", "TaskContext", "enqueue"),
    "kernel.testing": (
        "App",
        "AppFactory",
        "FakeClock",
        "PASSWORD",
        "Person",
        "Recorder",
        "School",
        "SchoolFactory",
        "Settle",
    ),
}
