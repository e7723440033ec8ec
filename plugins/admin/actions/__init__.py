"""What administrators change of their tenant (`settings`, `roles`), and operators of every (`tenants`, `erasure`)."""
