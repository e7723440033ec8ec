"""The import contracts of pyproject.toml hold here, and each refuses a small tree that breaks it."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.architecture.conftest import WriteTree
from tests.architecture.contracts import circles, read_requires
from tests.architecture.sources import ROOT

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
CONFIGURATION = (ROOT / "pyproject.toml").read_text()
NAMES = {
    contract["id"]: contract["name"] for contract in tomllib.loads(CONFIGURATION)["tool"]["importlinter"]["contracts"]
}
SOUND = {
    "pyproject.toml": CONFIGURATION,
    "kernel/__init__.py": "",
    "kernel/cli.py": "import kernel.operations",
    "kernel/db.py": "import asyncpg",
    "kernel/errors.py": "",
    "kernel/operations.py": "import kernel.tenants, kernel.tenant_settings",
    "kernel/tenant_erasure.py": "",
    "kernel/tenant_settings.py": "",
    "kernel/tenants.py": "",
    "plugins/__init__.py": "",
    "plugins/admin/__init__.py": "",
    "plugins/admin/actions.py": "import kernel.tenants",
    "plugins/admin/api.py": "",
    "plugins/admin/plugin.py": "PLUGIN = Plugin(name='admin', requires=('auth',))",
    "plugins/auth/__init__.py": "",
    "plugins/auth/api.py": "from plugins.auth.queries import users_by_id",
    "plugins/auth/plugin.py": "PLUGIN = Plugin(name='auth')",
    "plugins/auth/queries.py": "import kernel.db\n\nusers_by_id = 1",
    "plugins/codes/__init__.py": "",
    "plugins/codes/actions.py": "from plugins.auth.api import users_by_id\nfrom plugins.codes import rules, tables",
    "plugins/codes/api.py": "import plugins.codes.actions",
    "plugins/codes/errors.py": "import kernel.errors",
    "plugins/codes/listeners.py": "import plugins.codes.actions",
    "plugins/codes/plugin.py": "from plugins.codes import routes\n\nPLUGIN = Plugin(name='codes', requires=('auth',))",
    "plugins/codes/routes.py": "import plugins.codes.actions",
    "plugins/codes/rules.py": "import plugins.codes.errors",
    "plugins/codes/tables.py": "import sqlalchemy",
    "plugins/media/__init__.py": "",
    "plugins/media/api.py": "",
    "plugins/media/plugin.py": "PLUGIN = Plugin(name='media', requires=('auth',))",
}
BROKEN = [
    ("kernel", {"kernel/cli.py": "import plugins.auth.api"}),
    ("layers", {"plugins/codes/tables.py": "import plugins.codes.actions"}),
    ("layers", {"plugins/codes/routes.py": "import plugins.codes.listeners"}),
    (
        "layers",
        {"plugins/codes/errors.py": "import plugins.codes.words", "plugins/codes/words.py": "from . import rules"},
    ),
    ("rules", {"plugins/codes/rules.py": "import sqlalchemy"}),
    ("rules", {"plugins/codes/errors.py": "import kernel.errors", "kernel/errors.py": "import kernel.db"}),
    ("doors", {"plugins/codes/actions.py": "import plugins.auth.queries"}),
    ("doors", {"plugins/codes/actions.py": "import plugins.auth"}),
    ("doors", {"plugins/codes/actions.py": "import plugins.media.api"}),
    ("doors", {"plugins/auth/plugin.py": "PLUGIN = Plugin(name='auth', requires=('codes',))"}),
    ("doors", {"plugins/codes/plugin.py": "PLUGIN = Plugin(name='codes', requires=everything())"}),
    ("operators", {"plugins/codes/actions.py": "import kernel.operations"}),
    ("operators", {"plugins/codes/actions.py": "import kernel.tenants"}),
]


def broken_contracts(root: Path) -> list[str]:
    """Return the names of the contracts that import-linter calls broken below a root."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    done = subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--no-logo"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = re.findall(r"(?m)^(.+) (KEPT|BROKEN)$", done.stdout)
    assert {name for name, _ in verdicts} == set(NAMES.values()), done.stdout + done.stderr
    broken = [name for name, verdict in verdicts if verdict == "BROKEN"]
    assert done.returncode == bool(broken)
    return broken


def test_the_contracts_hold() -> None:
    assert broken_contracts(ROOT) == []


def test_a_sound_tree_keeps_every_contract(write_tree: WriteTree) -> None:
    assert broken_contracts(write_tree(SOUND)) == []


@pytest.mark.parametrize(("contract", "change"), BROKEN)
def test_a_contract_refuses(write_tree: WriteTree, contract: str, change: Mapping[str, str]) -> None:
    assert broken_contracts(write_tree({**SOUND, **change})) == [NAMES[contract]]


def test_every_contract_is_broken_by_some_tree() -> None:
    assert {contract for contract, _ in BROKEN} == set(NAMES)


def test_a_circle_of_requires_is_told_once() -> None:
    requires = {"auth": (), "codes": ("courses", "auth"), "courses": ("media",), "media": ("codes",)}
    assert list(circles(requires)) == ["The requires form a circle: codes -> courses -> media -> codes."]


def test_manifests_are_read_without_importing_them(write_tree: WriteTree) -> None:
    tree = write_tree(
        {
            "auth/plugin.py": "raise SystemExit\nPLUGIN = Plugin(name='auth')",
            "blog/plugin.py": "PLUGIN = None",
            "codes/plugin.py": "PLUGIN = Plugin(requires=('auth', 'courses'))",
            "empty/plugin.py": "",
        }
    )
    requires, unreadable = read_requires(tree)
    assert requires == {"auth": (), "codes": ("auth", "courses")}
    assert unreadable == [
        "The manifest of 'blog' (blog/plugin.py) cannot be read: PLUGIN is not written as Plugin(...).",
        "The manifest of 'empty' (empty/plugin.py) cannot be read: it has no PLUGIN = Plugin(...).",
    ]
