"""What roles may administer. Tenants are for operators, whatever their role (`kernel.auth.operator`)."""

from kernel.auth import Permission

READ_SETTINGS = Permission("admin.settings.read", "See the settings", {"admin": "any"})
UPDATE_SETTINGS = Permission(
    "admin.settings.update",
    "Change all settings, also who vouches for people: whoever may, can sign in as anybody",
    {"admin": "any"},
)
READ_ROLES = Permission("admin.role.read", "See what each role may", {"admin": "any"})
UPDATE_ROLES = Permission("admin.role.update", "Change what another role may", {"admin": "any"})
READ_PLUGINS = Permission("admin.plugin.read", "See which plugins act here, and why others do not", {"admin": "any"})
READ_MAIL_TEMPLATES = Permission("admin.mail_template.read", "See the words of mails", {"admin": "any"})
UPDATE_MAIL_TEMPLATES = Permission("admin.mail_template.update", "Change the words of mails", {"admin": "any"})
READ_AUDIT_LOG = Permission("admin.audit_log.read", "Read and export the audit log", {"admin": "any"})

PERMISSIONS = (
    READ_SETTINGS,
    UPDATE_SETTINGS,
    READ_ROLES,
    UPDATE_ROLES,
    READ_PLUGINS,
    READ_MAIL_TEMPLATES,
    UPDATE_MAIL_TEMPLATES,
    READ_AUDIT_LOG,
)
