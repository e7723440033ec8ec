"""Administration: settings, what each role may, plugins, tenants, the audit log, failed work. It has no tables."""
