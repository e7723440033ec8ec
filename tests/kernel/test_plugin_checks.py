"""What `collegium plugins check` sees: imports and revisions that are not allowed, projects that are none."""

import sys
import tomllib
from argparse import Namespace
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import msgspec
import pytest

from kernel.embedded import Stack
from kernel.operations import Unwell
from kernel.plugin import GROUP, PluginError, discover
from kernel.plugin_checks import clashes, find_plugin
from kernel.plugin_checks.imports import LAYERS, import_problems, package_of
from kernel.plugin_checks.schemas import schema_problems
from kernel.plugin_commands import check_plugin
from kernel.registry import Registry
from kernel.settings import Settings
from kernel.starter import write_plugin as write_project
from kernel.testing.databases import at_database, make_database
from tests.architecture.sources import ROOT
from tests.kernel.packages import WritePlugin, write_plugin

__all__ = ["write_plugin"]

OTHERS = {"plugins.auth": "auth", "plugins.media": "media"}
TABLE = """
from sqlalchemy.orm import Mapped

from kernel.tables import table_base


class Thing(table_base("NAME")):
    __tablename__ = "things"

    title: Mapped[str]
"""
REVISION = """
import sqlalchemy as sa
from alembic import op

from kernel.ddl import secure_tenant_table, tenant_columns

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("things", *tenant_columns(), sa.Column("title", sa.Text(), nullable={nullable}), schema="NAME")
    {secured}


def downgrade() -> None:
    {down}
"""
DROP = 'op.drop_table("things", schema="NAME")'
SECURED = 'secure_tenant_table("NAME.things")'


IMPORTS = {
    "a name that is not public": (
        {"routes.py": "from kernel.db import Db, Origin\n"},
        "routes.py:1",
        "kernel.db.Origin is imported, which is no public name of the kernel (`kernel.PUBLIC`).",
    ),
    "a module that is not public": (
        {"actions/make.py": "\nimport kernel.registry\n"},
        "actions/make.py:2",
        "kernel.registry is imported, which is no public name of the kernel (`kernel.PUBLIC`).",
    ),
    "upwards": (
        {"routes.py": "", "tables.py": "from NAME import routes\n"},
        "tables.py:1",
        "tables imports routes, and imports only go down: plugin > api | cli | demo > ",
    ),
    "upwards by a relative import": (
        {"actions/__init__.py": "", "queries/cards.py": "from ..actions import make\n"},
        "queries/cards.py:1",
        "queries imports actions, and imports only go down: ",
    ),
    "sideways": (
        {"tables.py": "", "schemas.py": "import NAME.tables\n"},
        "schemas.py:1",
        "schemas imports tables, and imports only go down: ",
    ),
    "a plugin that is not required": (
        {"actions.py": "from plugins.media.api import video_ref\n"},
        "actions.py:1",
        "plugins.media.api.video_ref is imported, and the plugin does not require 'media'.",
    ),
    "past the door": (
        {"actions.py": "from plugins.auth.tables import User\n"},
        "actions.py:1",
        "plugins.auth.tables.User is imported, and another plugin is entered by its api alone.",
    ),
    "a framework in the rules": (
        {"rules.py": "import math\nfrom sqlalchemy import select\n"},
        "rules.py:2",
        "sqlalchemy is imported, and rules decide without database, network or framework.",
    ),
}


@pytest.mark.parametrize(("files", "place", "reason"), IMPORTS.values(), ids=IMPORTS)
def test_import_that_is_not_allowed_is_seen(
    write_plugin: WritePlugin, files: Mapping[str, str], place: str, reason: str
) -> None:
    plugin = write_plugin(files, requires=("auth",))

    [problem] = import_problems(plugin, OTHERS)

    assert problem.startswith(f"Plugin {plugin.name!r} ({plugin.folder / place}): {reason}")


def test_imports_that_are_allowed_are_not_seen(write_plugin: WritePlugin) -> None:
    files = {
        "routes.py": "from kernel.db import Db\nfrom NAME import actions\nfrom plugins.auth import api as auth\n",
        "actions.py": "from kernel import clock\nfrom NAME.tables import Thing\nfrom NAME.shelves import Shelf\n",
        "shelves.py": "from NAME.routes import ROUTES\n",  # a file of no layer
        "rules.py": "from NAME.errors import Full\n",
    }

    assert import_problems(write_plugin(files, requires=("auth",)), OTHERS) == []


def test_our_own_plugins_import_what_is_allowed() -> None:
    plugins = discover()
    packages = {package_of(each): each.name for each in plugins}

    assert [
        problem
        for plugin in plugins
        for problem in import_problems(plugin, {key: name for key, name in packages.items() if name != plugin.name})
    ] == []


def test_layers_are_those_of_our_own_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract["id"] == "layers"]

    assert [tuple(name.strip(" ()") for name in layer.split("|")) for layer in layers] == list(LAYERS)


@pytest.fixture(scope="module")
async def empty(stack: Stack, settings: Settings, run_worker_name: str) -> str:
    """The owner's address of a database without the tables of the plugins.

    It is of these tests alone: what they leave behind, nobody may delete a tenant's rows of.
    """
    bare = msgspec.structs.replace(settings, plugins=())
    made = at_database(bare, stack, f"checked_{run_worker_name or 'gw0'}")
    await make_database(stack, made)
    return made.owner_database_url


REVISIONS = {
    "nothing": ({"tables.py": TABLE}, "it has tables and no revision that makes them."),
    "another column": (
        {"tables.py": TABLE, "migrations/0001.py": REVISION.format(nullable=True, secured=SECURED, down=DROP)},
        "NAME.things: the database lacks the column title text NOT NULL.",
    ),
    "no security": (
        {"tables.py": TABLE, "migrations/0001.py": REVISION.format(nullable=False, secured="", down=DROP)},
        "NAME.things: row-level security is not on.",
    ),
    "left behind": (
        {"tables.py": TABLE, "migrations/0001.py": REVISION.format(nullable=False, secured=SECURED, down="pass")},
        "its revisions, taken back, leave things behind.",
    ),
    "no way back": (
        {"tables.py": TABLE, "migrations/0001.py": REVISION.format(nullable=False, secured=SECURED, down="1 / 0")},
        "its revisions cannot be taken back: division by zero.",
    ),
}


@pytest.mark.parametrize(("files", "reason"), REVISIONS.values(), ids=REVISIONS)
async def test_revisions_that_do_not_fit_are_seen(
    empty: str, write_plugin: WritePlugin, files: Mapping[str, str], reason: str
) -> None:
    plugin = write_plugin(files)
    import_module(f"{plugin.name}.tables")

    problems = await schema_problems(plugin, Registry([plugin]), empty)

    sentence = f"Plugin {plugin.name!r} ({plugin.folder / 'migrations'}): {reason.replace('NAME', plugin.name)}"
    assert sentence in problems


async def test_revisions_that_fit_are_not_seen(empty: str, write_plugin: WritePlugin) -> None:
    text = REVISION.format(nullable=False, secured=SECURED, down=DROP)
    plugin = write_plugin({"tables.py": TABLE, "migrations/0001.py": text})
    import_module(f"{plugin.name}.tables")

    assert await schema_problems(plugin, Registry([plugin]), empty) == []


def test_plugin_is_found_by_the_folder_of_its_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    write_project("ledgers", tmp_path / "project")

    found = find_plugin(str(tmp_path / "project"))

    assert (found.name, found.folder) == ("ledgers", tmp_path / "project" / "ledgers")
    assert "ledgers" not in {point.name for point in entry_points(group=GROUP)}


def test_bad_plugin_ends_the_command_with_all_that_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    write_project("doubts", tmp_path)
    routes = tmp_path / "doubts" / "routes.py"
    text = routes.read_text().replace("guards=[requires(READ)]", "guards=[]", 1)
    routes.write_text(text.replace("from kernel.db import Db", "from kernel.db import Db, Origin"))

    with pytest.raises(Unwell) as found:
        check_plugin(Settings(), Namespace(plugin=str(tmp_path)))

    assert str(found.value).splitlines() == [
        f"Plugin 'doubts' ({routes}): the route list_entries has neither requires(...), nor operator, signed_in or "
        "public among its guards.",
        f"Plugin 'doubts' ({routes}:6): kernel.db.Origin is imported, which is no public name of the kernel "
        "(`kernel.PUBLIC`).",
    ]


def test_clash_with_a_plugin_that_is_not_required_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    write_project("rivals", tmp_path)
    routes = tmp_path / "rivals" / "routes.py"
    routes.write_text(routes.read_text().replace("rivals_entries_list", "courses_list"))

    assert clashes(find_plugin(str(tmp_path)), discover()) == [
        f"Plugin 'rivals' ({routes}): the route list_entries has the operation_id 'courses_list', as a route of "
        "'courses' has already."
    ]


def test_copy_that_is_installed_elsewhere_is_not_checked_instead(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project.entry-points."collegium.plugins"]\nauth = "plugins.auth.plugin:PLUGIN"\n'
    )

    with pytest.raises(PluginError, match="another copy of it is installed"):
        find_plugin(str(tmp_path))


@pytest.mark.parametrize("text", [None, "[project]\nname = 'x'\n", "[project\n"])
def test_folder_without_a_plugin_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)

    with pytest.raises(PluginError, match="it has no"):
        find_plugin(str(tmp_path))
