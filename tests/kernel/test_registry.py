"""The boot checks, each broken on purpose and seen refused, and what a quarantine leaves out."""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, ClassVar
from uuid import UUID

import msgspec
import pytest
from litestar import get, post
from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, Table, Text, UniqueConstraint, Uuid
from sqlalchemy.schema import SchemaItem

from kernel.auth import Permission, public, requires, signed_in
from kernel.commands import Command
from kernel.db import Db
from kernel.demo import DemoStep
from kernel.events import Event, Listener
from kernel.hookspecs import hookimpl
from kernel.plugin import LoadedPlugin, Plugin, PluginError, discover
from kernel.registry import Registry, load_registry
from kernel.settings import SettingsSpec
from kernel.tables import metadata
from kernel.tasks import NoPayload, Task
from tests.kernel.lab.plugin import Accounts

READ = Permission("codes.code.read", "Read codes", {"admin": "any"})
NONE: dict[str, Any] = {}


class Moved(Event, frozen=True):
    """Something happened to a code."""

    name: ClassVar[str] = "codes.code.moved"


class Stray(Event, frozen=True):
    """Something that carries another plugin's name."""

    name: ClassVar[str] = "courses.code.moved"


class Unnamed(Event, frozen=True):
    """Something without a name."""


class Options(msgspec.Struct, frozen=True):
    """Settings of a fake plugin."""


async def handle(db: Db, event: Any) -> None:
    """Do nothing."""


def command(name: str) -> Command:
    """Return a command that does nothing."""
    return Command(name, "Do nothing", lambda parser: None, handle)  # type: ignore[arg-type]


def hook(name: str, answer: Any) -> Callable[[], Any]:
    """Return a marked implementation that gives this answer, or raises it."""

    def implementation() -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    implementation.__name__ = name
    return hookimpl(implementation)


def fake(
    name: str = "codes", *, needs: Sequence[str] = (), kernel: str = ">=1,<2", essential: bool = False, **hooks: Any
) -> LoadedPlugin:
    """Return a plugin whose hooks give these answers."""
    module = ModuleType(f"{name}.plugin")
    module.__file__ = f"/site/{name}/plugin.py"
    for each, answer in hooks.items():
        vars(module)[each] = hook(each, answer)
    manifest = Plugin(
        name=name, version="1.0.0", kernel=kernel, requires=tuple(needs), summary="Fake.", essential=essential
    )
    return LoadedPlugin(manifest, module)


def route(path: str = "/codes", guards: Sequence[Any] = (public,), method: Any = get, name: str = "codes") -> Any:
    """Return a handler."""

    async def handler(code_id: UUID | None = None) -> None: ...

    handler.__name__ = name
    return method(path, guards=list(guards), status_code=200)(handler)


def refusal(*plugins: LoadedPlugin) -> str:
    """Return the sentence with which these plugins are refused."""
    with pytest.raises(PluginError) as error:
        load_registry(plugins)
    return str(error.value)


# --- what plugins register -------------------------------------------------------------------------------------------


def test_registry_gathers_what_a_sound_plugin_registers() -> None:
    handler = route(guards=[requires(READ)])
    listener = Listener(Moved, "codes.count", handle)
    task = Task(name="codes.sweep", payload=NoPayload, handle=handle)
    sound = fake(
        register_permissions=[READ],
        register_events=[Moved],
        register_listeners=[listener],
        register_tasks=[task],
        register_settings=[SettingsSpec("codes", Options, "Codes")],
        register_routes=[handler],
        register_root_routes=[],
    )

    registry, aside = load_registry([sound, fake("auth", register_identity=Accounts())])

    assert aside == {}
    assert [plugin.name for plugin in registry.plugins] == ["auth", "codes"]
    assert registry.permissions == (READ,)
    assert registry.events == (Moved,)
    assert registry.listeners == (listener,)
    assert registry.tasks == (task,)
    assert [spec.category for spec in registry.settings] == ["security", "codes"]
    assert registry.routes == {"codes": [handler]}
    assert isinstance(registry.identity, Accounts)


BAD_ITEMS = {
    "misspelled hook": (
        {"register_rotues": []},
        "there is no hook 'register_rotues'; the hooks are register_commands, register_events, register_identity, "
        "register_listeners, register_permissions, register_root_routes, register_routes, register_settings, "
        "register_tasks, seed_demo.",
    ),
    "unknown hook": ({"on_boot": []}, None),
    "hook that raises": ({"register_events": KeyError("x")}, "register_events failed: KeyError('x')."),
    "no list": ({"register_events": None}, "register_events returned None, which is no list."),
    "wrong kind": (
        {"register_events": ["moved"]},
        "register_events returned 'moved', which is no Event.",
    ),
    "event without a name": ({"register_events": [Unnamed]}, None),
    "unprefixed permission": (
        {"register_permissions": [Permission("code.read", "Read")]},
        "register_permissions: the name 'code.read' must begin with 'codes.'.",
    ),
    "permission of a namesake": (
        {"register_permissions": [Permission("codesx.read", "Read")]},
        "register_permissions: the name 'codesx.read' must begin with 'codes.'.",
    ),
    "unknown scope": (
        {"register_permissions": [Permission("codes.code.read", "Read", {"admin": "all"})]},  # type: ignore[dict-item]
        "register_permissions: 'codes.code.read' gives 'all'; a scope is one of any, assigned, own.",
    ),
    "unprefixed event": (
        {"register_events": [Stray]},
        "register_events: the name 'courses.code.moved' must begin with 'codes.'.",
    ),
    "unprefixed listener": (
        {"register_listeners": [Listener(Moved, "count", handle)]},
        "register_listeners: the name 'count' must begin with 'codes.'.",
    ),
    "unprefixed task": (
        {"register_tasks": [Task(name="sweep", payload=NoPayload, handle=handle)]},
        "register_tasks: the name 'sweep' must begin with 'codes.'.",
    ),
    "unprefixed setting": (
        {"register_settings": [SettingsSpec("security", Options, "Mine")]},
        "register_settings: the name 'security' must begin with 'codes.'.",
    ),
    "unprefixed demo step": (
        {"seed_demo": [DemoStep("things", handle)]},  # type: ignore[arg-type]
        "seed_demo: the name 'things' must begin with 'codes.'.",
    ),
    "no command": (
        {"register_commands": ["codes export"]},
        "register_commands returned 'codes export', which is no Command.",
    ),
    "command of one word": (
        {"register_commands": [command("export")]},
        "the command 'export' must be two words, the first of them none of plugins, tenants.",
    ),
    "command of three words": (
        {"register_commands": [command("codes export all")]},
        "the command 'codes export all' must be two words, the first of them none of plugins, tenants.",
    ),
    "command among the kernel's": (
        {"register_commands": [command("tenants create")]},
        "the command 'tenants create' must be two words, the first of them none of plugins, tenants.",
    ),
    "command twice": (
        {"register_commands": [command("codes export"), command("codes export")]},
        "the command 'codes export' is registered twice.",
    ),
    "permission twice": (
        {"register_permissions": [READ, READ]},
        "the permission 'codes.code.read' is registered twice.",
    ),
    "listener twice": (
        {"register_listeners": [Listener(Moved, "codes.count", handle)] * 2},
        "the listener 'codes.count' is registered twice.",
    ),
    "task twice": (
        {"register_tasks": [Task(name="codes.sweep", payload=NoPayload, handle=handle)] * 2},
        "the task 'codes.sweep' is registered twice.",
    ),
}


@pytest.mark.parametrize(("hooks", "reason"), BAD_ITEMS.values(), ids=BAD_ITEMS)
def test_registry_refuses_what_breaks_a_rule_of_registering(hooks: dict[str, Any], reason: str | None) -> None:
    sentence = refusal(fake(**hooks))

    assert sentence.startswith("Plugin 'codes' (/site/codes/plugin.py): ")
    if reason is not None:
        assert sentence == f"Plugin 'codes' (/site/codes/plugin.py): {reason}"


def test_registry_refuses_a_hook_that_is_not_marked() -> None:
    plugin = fake()
    vars(plugin.module)["register_routes"] = list

    assert refusal(plugin) == (
        "Plugin 'codes' (/site/codes/plugin.py): register_routes looks like a hook and is not marked with @hookimpl."
    )


def test_registry_refuses_a_hook_with_arguments() -> None:
    plugin = fake()

    def register_routes(app: object) -> list[Any]:
        return []

    vars(plugin.module)["register_routes"] = hookimpl(register_routes)

    assert refusal(plugin).startswith("Plugin 'codes' (/site/codes/plugin.py): its hooks cannot be registered: ")


def test_registry_refuses_two_plugins_that_keep_accounts() -> None:
    first, second = (fake(name, register_identity=Accounts()) for name in ("auth", "ldap"))

    assert refusal(first, second) == (
        "Plugin 'ldap' (/site/ldap/plugin.py): it keeps accounts, and so does 'auth'; "
        "only one plugin of a deployment may."
    )


# --- routes ----------------------------------------------------------------------------------------------------------

BAD_ROUTES = {
    "no guard": (
        [route(guards=[])],
        "the route codes has neither requires(...), nor signed_in, nor public among its guards.",
    ),
    "a guard of its own": (
        [route(guards=[lambda connection, handler: None])],
        "the route codes has neither requires(...), nor signed_in, nor public among its guards.",
    ),
    "unknown permission": (
        [route(guards=[requires(Permission("codes.code.write", "Write"))])],
        "the route codes asks for 'codes.code.write', which no plugin registers.",
    ),
    "the same address twice": (
        [route("/codes/{code_id:uuid}"), route("/codes/{other:str}", name="again")],
        "the route again stands at GET /api/v1/codes/{other:str}, as a route of 'codes' does already.",
    ),
}


@pytest.mark.parametrize(("routes", "reason"), BAD_ROUTES.values(), ids=BAD_ROUTES)
def test_registry_refuses_a_route(routes: list[Any], reason: str) -> None:
    assert refusal(fake(register_routes=routes)) == f"Plugin 'codes' (/site/codes/routes.py): {reason}"


def test_registry_refuses_something_that_is_no_route() -> None:
    sentence = refusal(fake(register_routes=[handle]))

    assert re.fullmatch(r"Plugin 'codes' \(/site/codes/plugin.py\): <function .*> is no HTTP route handler\.", sentence)


def test_registry_refuses_routes_of_two_plugins_that_clash() -> None:
    courses = fake("courses", register_routes=[route("/things/{a:uuid}", method=post)])
    codes = fake("codes", register_root_routes=[route("/api/v1/things/{b:uuid}", method=post)])

    assert refusal(courses, codes) == (
        "Plugin 'courses' (/site/courses/routes.py): the route codes stands at POST /api/v1/things/{a:uuid}, "
        "as a route of 'codes' does already."
    )


def test_registry_lets_methods_of_one_address_belong_to_two_routes() -> None:
    plugin = fake(register_routes=[route(), route(method=post, guards=[signed_in])])

    assert len(load_registry([plugin])[0].routes["codes"]) == 2


@pytest.mark.parametrize("path", ["/health/live", "/schema", "/api/v2/codes"])
def test_registry_refuses_a_root_route_among_the_kernels(path: str) -> None:
    first = path.split("/")[1]

    assert refusal(fake(register_root_routes=[route(path)])) == (
        f"Plugin 'codes' (/site/codes/routes.py): the route codes stands at {path}, "
        f"and everything below /{first} is the kernel's."
    )


# --- tables ----------------------------------------------------------------------------------------------------------


def keys() -> list[SchemaItem]:
    """Return the two columns of a sound primary key."""
    return [Column("tenant_id", Uuid, primary_key=True), Column("id", Uuid, primary_key=True)]


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Table]]:
    """A function that declares a table in the `tables.py` of the fake plugin; it is forgotten afterwards."""
    module = ModuleType("codes_fake.tables")
    module.__file__ = "/site/codes/tables.py"
    monkeypatch.setitem(sys.modules, module.__name__, module)
    made: list[Table] = []

    def make(*items: SchemaItem, schema: str = "codes", module: str | None = "codes_fake.tables") -> Table:
        info = NONE if module is None else {"module": module}
        made.append(Table(f"fakes_{len(made)}", metadata, *items, schema=schema, info=info))
        return made[-1]

    yield make
    for table in made:
        metadata.remove(table)


BAD_TABLES: dict[str, tuple[Callable[[], list[SchemaItem]], dict[str, Any], str]] = {
    "another schema": (keys, {"schema": "courses"}, "the table courses.fakes_0 is outside the schema 'codes'."),
    "no schema": (keys, {"schema": None}, "the table fakes_0 is outside the schema 'codes'."),
    "no tenant": (
        lambda: [Column("id", Uuid, primary_key=True)],
        NONE,
        "the primary key of codes.fakes_0 does not begin with tenant_id.",
    ),
    "tenant not in the key": (
        lambda: [Column("id", Uuid, primary_key=True), Column("tenant_id", Uuid)],
        NONE,
        "the primary key of codes.fakes_0 does not begin with tenant_id.",
    ),
    "unique across tenants": (
        lambda: [*keys(), Column("email", Text), UniqueConstraint("email", name="uq_email")],
        NONE,
        "the unique constraint uq_email of codes.fakes_0 does not begin with tenant_id.",
    ),
    "unique index across tenants": (
        lambda: [*keys(), Column("email", Text), Index("ix_email", "email", unique=True)],
        NONE,
        "the unique constraint ix_email of codes.fakes_0 does not begin with tenant_id.",
    ),
    "plain foreign key": (
        lambda: [*keys(), Column("course_id", Uuid), ForeignKeyConstraint(["course_id"], ["courses.courses.id"])],
        NONE,
        "the foreign key ['course_id'] of codes.fakes_0 does not begin with tenant_id on both sides; "
        "`tenant_reference` makes one that does.",
    ),
    "foreign key to another tenant": (
        lambda: [
            *keys(),
            Column("other_tenant", Uuid),
            Column("course_id", Uuid),
            ForeignKeyConstraint(
                ["other_tenant", "course_id"], ["courses.courses.tenant_id", "courses.courses.id"], name="fk_x"
            ),
        ],
        NONE,
        "the foreign key ['other_tenant', 'course_id'] of codes.fakes_0 does not begin with tenant_id on both sides; "
        "`tenant_reference` makes one that does.",
    ),
}


@pytest.mark.parametrize(("columns", "options", "reason"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_registry_refuses_a_table(
    declare: Callable[..., Table], columns: Callable[[], list[SchemaItem]], options: dict[str, Any], reason: str
) -> None:
    declare(*columns(), **options)

    assert refusal(fake()) == f"Plugin 'codes' (/site/codes/tables.py): {reason}"


def test_registry_refuses_a_table_that_is_not_made_from_table_base(declare: Callable[..., Table]) -> None:
    declare(*keys(), Column("size", Integer), module=None)

    assert refusal(fake()) == (
        "Plugin 'codes' (/site/codes): the table codes.fakes_0 is not made from a class of table_base."
    )


def test_registry_takes_a_sound_table(declare: Callable[..., Table]) -> None:
    declare(
        *keys(),
        Column("course_id", Uuid),
        UniqueConstraint("tenant_id", "course_id"),
        ForeignKeyConstraint(["tenant_id", "course_id"], ["courses.courses.tenant_id", "courses.courses.id"]),
    )

    assert load_registry([fake()])[0].plugins[0].name == "codes"


# --- quarantine ------------------------------------------------------------------------------------------------------

AUTH = fake("auth", essential=True, register_identity=Accounts())


def quarantined(*plugins: LoadedPlugin) -> tuple[Registry, dict[str, str]]:
    return load_registry(plugins, "quarantine")


BAD_PLUGINS = {
    "registering": fake("media", needs=["auth"], register_permissions=[READ]),
    "route": fake("media", needs=["auth"], register_routes=[route(guards=[])]),
    "requirement": fake("media", needs=["auth", "storage"]),
    "kernel": fake("media", needs=["auth"], kernel=">=2"),
    "import": msgspec.structs.replace(fake("media"), fault="it cannot be imported: ImportError('x')."),
}


@pytest.mark.parametrize("bad", BAD_PLUGINS.values(), ids=BAD_PLUGINS)
def test_quarantine_leaves_out_a_bad_plugin_and_its_dependants_with_the_reason(bad: LoadedPlugin) -> None:
    courses = fake("courses", needs=["media"])
    codes = fake("codes", needs=["courses"])
    blog = fake("blog", needs=["auth"], register_routes=[route("/posts")])

    registry, aside = quarantined(AUTH, bad, courses, codes, blog)

    assert [plugin.name for plugin in registry.plugins] == ["auth", "blog"]
    assert sorted(aside) == ["codes", "courses", "media"]
    assert set(aside.values()) == {aside["media"]}
    assert aside["media"].startswith("Plugin 'media' (/site/media/")


def test_quarantine_leaves_out_a_circle() -> None:
    registry, aside = quarantined(AUTH, fake("a", needs=["b"]), fake("b", needs=["a"]))

    assert [plugin.name for plugin in registry.plugins] == ["auth"]
    assert sorted(aside) == ["a", "b"]


def test_quarantine_goes_on_until_nothing_bad_is_left() -> None:
    registry, aside = quarantined(AUTH, fake("a", register_rotues=[]), fake("b", register_events=None), fake("c"))

    assert [plugin.name for plugin in registry.plugins] == ["auth", "c"]
    assert sorted(aside) == ["a", "b"]


def test_quarantine_refuses_the_start_for_an_essential_plugin() -> None:
    bad = fake("auth", essential=True, register_identity=Accounts(), register_rotues=[])

    with pytest.raises(PluginError, match=r"^Plugin 'auth' "):
        quarantined(bad, fake("blog"))


def test_quarantine_refuses_the_start_when_an_essential_plugin_requires_the_bad_one() -> None:
    guard = fake("guard", needs=["media"], essential=True)

    with pytest.raises(PluginError, match=r"^Plugin 'media' "):
        quarantined(AUTH, fake("media", register_rotues=[]), guard)


def test_quarantine_refuses_the_start_when_nobody_is_left_to_keep_accounts() -> None:
    broken = msgspec.structs.replace(fake("auth"), fault="it cannot be imported: ImportError('x').")

    with pytest.raises(PluginError, match=r"^Plugin 'auth' \(/site/auth/plugin.py\): it cannot be imported"):
        quarantined(broken, fake("blog"))


# --- discovery -------------------------------------------------------------------------------------------------------


class Point:
    """An entry point that gives or raises this."""

    def __init__(self, found: Any) -> None:
        self.name, self.value, self.module = "quizzes", "quizzes.plugin:PLUGIN", "quizzes.plugin"
        self._found = found

    def load(self) -> Any:
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (
            ModuleNotFoundError("No module named 'numpy'"),
            "it cannot be imported: ModuleNotFoundError(\"No module named 'numpy'\").",
        ),
        ({"name": "quizzes"}, "PLUGIN must be a kernel.Plugin."),
    ],
)
def test_discover_keeps_a_plugin_that_cannot_be_used_with_its_fault(
    monkeypatch: pytest.MonkeyPatch, found: Any, reason: str
) -> None:
    monkeypatch.setattr("kernel.plugin.entry_points", lambda group: [Point(found)])

    discovered = discover()

    assert [each.name for each in discovered] == ["quizzes"]
    assert refusal(*discovered) == f"Plugin 'quizzes' (quizzes.plugin:PLUGIN): {reason}"
