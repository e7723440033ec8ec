"""Refusals name the file in which the mistake stands, however the plugin is laid out."""

from pathlib import Path

import pytest

from kernel.boot_checks import _OUR_COMMANDS
from kernel.plugin import Plugin, PluginError, discover
from kernel.registry import load_registry
from tests.kernel.fakes import fake, refusal
from tests.kernel.lab.plugin import Accounts
from tests.kernel.packages import WritePlugin, write_plugin

__all__ = ["write_plugin"]

AUTH = fake("auth", essential=True, register_identity=Accounts())

ROUTE = '''
from litestar import get
from kernel.auth import {guard}

@get("/orders", guards=[{guard}][:{guards}], operation_id="{operation}")
async def list_orders() -> None:
    """List them."""

ROUTES = [list_orders]
'''
BOUNDED = """
from typing import Annotated
from litestar import get
from litestar.params import FromQuery, QueryParameter
from msgspec import Meta, Struct
from kernel.auth import public

Word = Annotated[str, Meta(max_length=9)]

class Filter(Struct):
    word: Word = ""

@get("/orders/{{key:str}}", guards=[public], operation_id="NAME_list")
async def list_orders(
    key: str, size: Annotated[int, QueryParameter(le=9)] = 1, filter: {kind} = None
) -> list[Word]:
    ...

ROUTES = [list_orders]
"""
EVENT = """
from typing import ClassVar
from kernel.events import Event

class Moved(Event, frozen=True):
    name: ClassVar[str] = "{name}"

EVENTS = (Moved,)
"""
LISTENERS = """
from kernel.events import Listener
from NAME.events import Moved

async def hear(db, event): ...

LISTENERS = (Listener(Moved, "hear", hear),)
"""
TASKS = """
from kernel.tasks import NoPayload, Task

async def sweep(db, payload): ...

TASKS = (Task(name="sweep", payload=NoPayload, handle=sweep),)
"""
SETTINGS = """
import msgspec
from kernel.settings import SettingsSpec

class Options(msgspec.Struct, frozen=True): ...

ALL = (SettingsSpec("other", Options, "Other"),)
"""
COMMANDS = """
from kernel.commands import Command

async def act(db, options): ...

COMMANDS = (Command("one two three", "Do.", lambda parser: None, act),)
"""
DEMO = """
from kernel.demo import DemoStep

async def seed(db): ...

STEPS = (DemoStep("seed", seed),)
"""
PERMISSIONS = """
from kernel.auth import Permission

READ = Permission("read", "Read")
PERMISSIONS = (READ,)
"""
MISTAKES = {
    "a route of a package": (
        {"routes/__init__.py": "", "routes/orders.py": ROUTE.format(guard="public", guards=0, operation="a")},
        {"register_routes": "routes.orders:ROUTES"},
        "routes/orders.py",
        "the route list_orders has neither requires(...), nor operator, signed_in or public among its guards.",
    ),
    "a route's operation": (
        {"routes.py": ROUTE.format(guard="public", guards=1, operation="health_ready")},
        {"register_routes": "routes:ROUTES"},
        "routes.py",
        "the route list_orders has the operation_id 'health_ready', and those of this kind are the kernel's.",
    ),
    "a bound that nobody checks": (
        {"routes.py": BOUNDED.format(kind="Word | None")},
        {"register_routes": "routes:ROUTES"},
        "routes.py:13",
        "the route list_orders bounds its parameter 'filter' by msgspec.Meta, which is heeded in Structs alone; "
        "use QueryParameter, PathParameter or HeaderParameter of litestar.params.",
    ),
    "a bound of a list's items, written as a text": (
        {"routes.py": BOUNDED.format(kind='"FromQuery[list[Word] | None]"')},
        {"register_routes": "routes:ROUTES"},
        "routes.py:13",
        "the route list_orders bounds its parameter 'filter' by msgspec.Meta, which is heeded in Structs alone; "
        "use QueryParameter, PathParameter or HeaderParameter of litestar.params.",
    ),
    "a permission, which other files import": (
        {"permissions.py": PERMISSIONS, "routes.py": "from NAME.permissions import READ\n\nROUTES = ()\n"},
        {"register_permissions": "permissions:PERMISSIONS", "register_routes": "routes:ROUTES"},
        "permissions.py",
        "register_permissions: the name 'read' must begin with 'NAME.'.",
    ),
    "an event": (
        {"events.py": EVENT.format(name="other.moved")},
        {"register_events": "events:EVENTS"},
        "events.py",
        "register_events: the name 'other.moved' must begin with 'NAME.'.",
    ),
    "a listener": (
        {"events.py": EVENT.format(name="NAME.moved"), "listeners.py": LISTENERS},
        {"register_listeners": "listeners:LISTENERS"},
        "listeners.py",
        "register_listeners: the name 'hear' must begin with 'NAME.'.",
    ),
    "a task": (
        {"tasks.py": TASKS},
        {"register_tasks": "tasks:TASKS"},
        "tasks.py",
        "register_tasks: the name 'sweep' must begin with 'NAME.'.",
    ),
    "settings": (
        {"settings.py": SETTINGS},
        {"register_settings": "settings:ALL"},
        "settings.py",
        "register_settings: the name 'other' must begin with 'NAME.'.",
    ),
    "a command": (
        {"cli.py": COMMANDS},
        {"register_commands": "cli:COMMANDS"},
        "cli.py",
        f"the command 'one two three' must be two words, the first of them none of {', '.join(_OUR_COMMANDS)}.",
    ),
    "a demonstration step": (
        {"demo.py": DEMO},
        {"seed_demo": "demo:STEPS"},
        "demo.py",
        "seed_demo: the name 'seed' must begin with 'NAME.'.",
    ),
    "an error": (
        {"errors.py": "from kernel.errors import Invalid\n\nclass Full(Invalid):\n    code = 'full'\n\nNOTHING = ()\n"},
        {"register_events": "errors:NOTHING"},
        "errors.py",
        "the code 'full' of the error Full must begin with 'NAME.'.",
    ),
    "an error that has none of its own": (
        {"errors.py": "from kernel.errors import Conflict\n\nclass Full(Conflict): ...\n\nNOTHING = ()\n"},
        {"register_events": "errors:NOTHING"},
        "errors.py",
        "the code 'kernel.conflict' of the error Full must begin with 'NAME.'.",
    ),
    "revisions": (
        {
            "migrations/0001_a.py": 'revision = "0001"\ndown_revision = None\n',
            "migrations/0001_b.py": 'revision = "0002"\ndown_revision = None\n',
        },
        {},
        "migrations/0001_b.py",
        "two revisions come after the beginning.",
    ),
}


@pytest.mark.parametrize(("files", "hooks", "file", "reason"), MISTAKES.values(), ids=MISTAKES)
def test_refusal_names_the_file(
    write_plugin: WritePlugin, files: dict[str, str], hooks: dict[str, str], file: str, reason: str
) -> None:
    plugin = write_plugin(files, hooks)

    assert refusal(plugin) == (
        f"Plugin {plugin.name!r} ({plugin.folder / file}): {reason.replace('NAME', plugin.name)}"
    )


def test_bounds_of_structs_and_of_litestars_own_parameters_are_welcome(write_plugin: WritePlugin) -> None:
    plugin = write_plugin({"routes.py": BOUNDED.format(kind="Filter | None")}, {"register_routes": "routes:ROUTES"})

    registry, aside = load_registry([plugin, AUTH])

    assert (len(registry.routes[plugin.name]), aside) == (1, {})


def test_errors_of_one_plugin_do_not_count_against_another(write_plugin: WritePlugin) -> None:
    bad = write_plugin(
        {"errors.py": "from kernel.errors import Invalid\n\nclass Odd(Invalid):\n    code = 'odd'\n\nNOTHING = ()\n"},
        {"register_events": "errors:NOTHING"},
    )

    registry, aside = load_registry([bad, fake("codes"), AUTH], "quarantine")

    assert [each.name for each in registry.plugins] == ["auth", "codes"]
    assert list(aside) == [bad.name]


def test_plugin_must_not_stand_in_the_folder_of_another() -> None:
    inner = fake("inner")
    inner.module.__file__ = "/site/codes/inner/plugin.py"

    assert refusal(fake("codes"), inner) == (
        "Plugin 'codes' (/site/codes/plugin.py): the plugin 'inner' stands in its folder; each needs one of its own."
    )


def test_plugin_must_stand_in_a_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Point:
        name, value, module = "polls", "polls:PLUGIN", "polls"

        def load(self) -> Plugin:
            raise AssertionError("not even imported")

    monkeypatch.setattr("kernel.plugin.entry_points", lambda group: [Point()])

    with pytest.raises(PluginError, match="its module must stand in a package, because what is below a plugin belongs"):
        load_registry(discover())
