"""The database roles: who may connect, what each one can never do, and how long its statements may take.

The embedded stack runs these statements itself; whoever operates a server of their own runs the same ones by hand, as a
superuser, in the database that Collegium shall use. Rights on schemas and tables are deliberately elsewhere: each
migration grants them for what it makes.
"""

from collections.abc import Mapping

ROLE_NAMES: Mapping[str, str] = {
    "owner": "collegium_owner",
    "operator": "collegium_operator",
    "app": "collegium_app",
    "worker": "collegium_worker",
}

# The owner holds the operator's role only through SET ROLE: it makes functions that belong to the operator, and its own
# queries stay under row-level security. The attribute says this on every version; the words WITH INHERIT FALSE would
# need PostgreSQL 16.
_ATTRIBUTES = {
    "owner": "LOGIN NOINHERIT",
    "operator": "LOGIN BYPASSRLS",
    "app": "LOGIN",
    "worker": "LOGIN INHERIT",
}

_TIMEOUTS = {
    "app": {"statement_timeout": "30s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "60s"},
    "worker": {"statement_timeout": "10min", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "60s"},
}


def role_statements(passwords: Mapping[str, str], *, database: str = "collegium") -> list[str]:
    """Return the SQL that makes or corrects the roles; it may run again at any time, on PostgreSQL 15 or later.

    Args:
        passwords: By short role name (`owner`, `operator`, `app`, `worker`); a role that is left out keeps the password
            that it has.
        database: An existing database; it then belongs to the owner role.
    """
    statements = []
    for short_name, name in ROLE_NAMES.items():
        attributes = _ATTRIBUTES[short_name]
        if short_name in passwords:
            attributes += f" PASSWORD {_literal(passwords[short_name])}"
        statements += [
            f"DO $$ BEGIN CREATE ROLE {name}; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            f"ALTER ROLE {name} WITH {attributes}",
        ]
    owner, operator, app, worker = (ROLE_NAMES[key] for key in ("owner", "operator", "app", "worker"))
    place = _identifier(database)
    return [
        *statements,
        f"GRANT {operator} TO {owner}",
        f"GRANT {app} TO {worker}",
        *(
            f"ALTER ROLE {ROLE_NAMES[short_name]} SET {setting} = '{value}'"
            for short_name, settings in _TIMEOUTS.items()
            for setting, value in settings.items()
        ),
        f"ALTER DATABASE {place} OWNER TO {owner}",
        f"REVOKE ALL ON DATABASE {place} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {place} TO {operator}, {app}, {worker}",
    ]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
