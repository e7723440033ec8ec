"""The boot checks of what plugins register, each broken on purpose and seen refused."""

import re
from typing import Any, ClassVar

import msgspec
import pytest
from litestar import post

from kernel.app import create_app
from kernel.auth import Permission, requires, signed_in
from kernel.boot_checks import _OUR_OPERATIONS
from kernel.commands import Command
from kernel.db import Db
from kernel.demo import DemoStep
from kernel.events import Event, Listener
from kernel.hookspecs import hookimpl
from kernel.mail import MailTemplate
from kernel.mail.kernel_mails import TEST_MAIL
from kernel.own_routes import OWN_ROUTES
from kernel.registry import KERNEL_PERMISSIONS, load_registry
from kernel.settings import SettingsSpec
from kernel.tasks import NoPayload, Task
from tests.kernel.conftest import Process
from tests.kernel.fakes import fake, refusal, route
from tests.kernel.lab.plugin import Accounts

NEWS = MailTemplate(name="codes.news", title="News", placeholders={}, subject={"en": "News"}, body={"en": "None."})
READ = Permission("codes.code.read", "Read codes", {"admin": "any"})


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
        register_mail_templates=[NEWS],
        register_settings=[SettingsSpec("codes", Options, "Codes")],
        register_routes=[handler],
        register_root_routes=[],
    )

    registry, aside = load_registry([sound, fake("auth", register_identity=Accounts())])

    assert aside == {}
    assert [plugin.name for plugin in registry.plugins] == ["auth", "codes"]
    assert registry.permissions == (*KERNEL_PERMISSIONS, READ)
    assert registry.events == (Moved,)
    assert registry.listeners == (listener,)
    assert registry.tasks == (task,)
    assert registry.mail_templates == {"kernel.test_mail": TEST_MAIL, "codes.news": NEWS}
    assert [spec.category for spec in registry.settings] == ["general", "mail", "payment", "security", "codes"]
    assert registry.routes == {"codes": [handler]}
    assert isinstance(registry.identity, Accounts)


BAD_ITEMS = {
    "misspelled hook": (
        {"register_rotues": []},
        "there is no hook 'register_rotues'. Did you mean 'register_routes'?",
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
    "unprefixed mail template": (
        {"register_mail_templates": [msgspec.structs.replace(NEWS, name="news")]},
        "register_mail_templates: the name 'news' must begin with 'codes.'.",
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
        "the command 'export' must be two words, the first of them none of mail, plugins, tasks, tenants.",
    ),
    "command of three words": (
        {"register_commands": [command("codes export all")]},
        "the command 'codes export all' must be two words, the first of them none of mail, plugins, tasks, tenants.",
    ),
    "command among the kernel's": (
        {"register_commands": [command("tenants create")]},
        "the command 'tenants create' must be two words, the first of them none of mail, plugins, tasks, tenants.",
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
        "the route codes has neither requires(...), nor operator, signed_in or public among its guards.",
    ),
    "a guard of its own": (
        [route(guards=[lambda connection, handler: None])],
        "the route codes has neither requires(...), nor operator, signed_in or public among its guards.",
    ),
    "unknown permission": (
        [route(guards=[requires(Permission("codes.code.write", "Write"))])],
        "the route codes asks for 'codes.code.write', which no plugin registers.",
    ),
    "no operation id": (
        [route(operation_id=None)],
        "the route codes has no operation_id, by which clients name it.",
    ),
    "an operation id twice": (
        [route(operation_id="codes_list"), route("/more", name="more", operation_id="codes_list")],
        "the route more has the operation_id 'codes_list', as a route of 'codes' has already.",
    ),
    "an operation id of the kernel": (
        [route(operation_id="health_ready")],
        "the route codes has the operation_id 'health_ready', and those of this kind are the kernel's.",
    ),
    "no door at all": (
        [route(door="none")],
        "the route codes is limited as 'none', and there is no such limit.",
    ),
    "another plugin's": (
        [route(plugin="auth")],
        "the route codes says in its opt to which plugin it belongs, and the kernel does that.",
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


def test_registry_knows_the_operations_of_the_kernel(lab: Process) -> None:
    document = create_app(lab.deployment).openapi_schema.to_schema()
    operations = [each for path in document["paths"].values() for each in path.values()]

    ours = [each["operationId"] for each in operations if not each.get("tags")]
    assert [each for each in ours if not each.startswith(_OUR_OPERATIONS)] == []
    assert len(ours) > 2


def test_registry_refuses_a_route_at_an_address_of_the_kernels_own() -> None:
    own = {f"/{str(path).strip('/').partition('/')[0]}" for handler in OWN_ROUTES for path in handler.paths}

    for path in own:
        assert refusal(fake(register_routes=[route(path)])) == (
            f"Plugin 'codes' (/site/codes/routes.py): the route codes stands at /api/v1{path}, which is the kernel's."
        )
