"""What administrators read: settings, roles and plugins of their tenant, its audit log."""
