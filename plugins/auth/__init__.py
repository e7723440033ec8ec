"""Accounts, roles, passwords and sessions: who somebody is. What they may do in another plugin, that plugin says."""
