"""The command `collegium`. A mistake of the caller is one sentence on standard error and exit code 2."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NoReturn

import asyncpg
import msgspec
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from kernel import mail_commands, operations, plugin_commands
from kernel.app import create_app, create_deployment, opened
from kernel.commands import Command
from kernel.deployment import Deployment
from kernel.embedded import EmbeddedStackError
from kernel.errors import DomainError
from kernel.faults import told
from kernel.late_faults import take_stock
from kernel.observability import configure_logging
from kernel.plugin import PluginError, discover
from kernel.registry import load_registry
from kernel.serve import StartRefused, ready_settings, seed_demo, serve, telling_metrics
from kernel.settings import Settings, SettingsError, load_settings
from kernel.tracing import configure_tracing
from kernel.worker import run_worker

Act = Callable[[Deployment, argparse.Namespace], Awaitable[str]]


class UsageError(Exception):
    """The command's words are wrong."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Refuse the words."""
        raise UsageError(f"{message}. See `{self.prog} --help`.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    try:
        settings = load_settings()
        options = _parser(_commands_of_plugins(settings, arguments)).parse_args(arguments)
        settings = load_settings({name: getattr(options, name, None) for name in Settings.__struct_fields__})
        options.run(settings, options)
    except DomainError as error:
        fields = " ".join(f"{each.field}: {each.message}" for each in error.errors)
        return _refuse(fields if fields and error.detail == error.title else error.detail)
    except (SettingsError, PluginError, EmbeddedStackError, StartRefused, UsageError) as error:
        return _refuse(str(error))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, DBAPIError, RedisError) as error:
        return _refuse(f"A server does not answer as it should: {told(error)}. `collegium doctor` tells which.")
    except operations.Unwell as error:
        print(error)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _commands_of_plugins(settings: Settings, arguments: Sequence[str] | None) -> Sequence[Command]:
    try:
        registry, _ = load_registry(discover(settings.plugins), settings.on_bad_plugin)
    except PluginError:
        words = list(sys.argv[1:] if arguments is None else arguments)[:2]
        if words in (["plugins", "check"], ["plugins", "new"]):
            # They say more of what is wrong, and need no plugin.
            return ()
        raise
    return registry.commands


def _refuse(sentence: str) -> int:
    print(f"collegium: {sentence}", file=sys.stderr)
    return 2


def _parser(commands: Sequence[Command]) -> Parser:
    parser = Parser(prog="collegium", description="An e-learning platform made of plugins.")
    groups = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    known: dict[str, Any] = {}

    def command(name: str, summary: str, run: Callable[[Settings, argparse.Namespace], None]) -> Parser:
        first, _, second = name.partition(" ")
        place = groups
        if second:
            if first not in known:
                group = groups.add_parser(first, help=f"{first}: see `collegium {first} --help`")
                known[first] = group.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
            place = known[first]
        added: Parser = place.add_parser(second or first, help=summary, description=summary)
        added.add_argument("--data-dir", dest="data_dir", help="directory of the embedded stack (.collegium)")
        added.set_defaults(run=run)
        return added

    _add_server_commands(command)
    _add_operator_commands(command)
    for each in commands:
        added = command(each.name, each.summary, _for_tenant(each))
        added.add_argument("--tenant", default="default", help="the tenant's slug")
        each.configure(added)
    return parser


def _add_server_commands(command: Callable[..., Parser]) -> None:
    added = command("serve", "run the web server, with its own PostgreSQL and Valkey unless told of others", _serve)
    added.add_argument("--host")
    added.add_argument("--port")
    added.add_argument("--workers", help="server processes")
    added.add_argument(
        "--demo", action="store_const", const=True, help="demonstration data and accounts; loopback only"
    )
    added.add_argument(
        "--embedded-worker",
        dest="embedded_worker",
        action=argparse.BooleanOptionalAction,
        help="background work inside",
    )
    command("worker", "run background work: events, tasks, schedules", _worker)
    command("migrate", "bring the database to this version", _migrate)
    added = command("seed-demo", "make the demonstration data", _act(_seed))
    added.add_argument(
        "--size",
        choices=("small", "large"),
        default="small",
        help="large: 1,000 courses, 20,000 students and 200,000 enrolments besides",
    )
    command("doctor", "check that every part answers", _act(operations.doctor))
    command("openapi", "print the API's description", _openapi)
    command("roles-sql", "print the SQL that makes the database roles, for your own PostgreSQL", _roles_sql)
    added = command("migration", "write a new revision from the difference between tables and database", _migration)
    added.add_argument("plugin")
    added.add_argument("-m", "--message", required=True)


def _add_operator_commands(command: Callable[..., Parser]) -> None:
    command("tenants list", "list the tenants", _act(operations.list_tenants))
    added = command("tenants create", "make a tenant", _act(operations.create_tenant))
    added.add_argument("slug")
    added.add_argument("--name", required=True)
    added.add_argument("--host", action="append", required=True, dest="hosts", help="a host name; may be repeated")
    added = command("tenants hosts", "show or change the host names of a tenant", _act(operations.change_hosts))
    added.add_argument("slug")
    added.add_argument("--add", action="append", default=[], metavar="HOST")
    added.add_argument("--remove", action="append", default=[], metavar="HOST")
    added.add_argument("--primary", metavar="HOST", help="the host that links lead to; added if it is not there")
    for verb in ("enable", "disable"):
        added = command(f"tenants {verb}", f"{verb} a tenant", _act(operations.switch_tenant))
        added.add_argument("slug")
        added.set_defaults(active=verb == "enable")
    added = command("tenants erase", "delete a disabled tenant with everything of it", _act(operations.erase_tenant))
    added.add_argument("slug")
    added.add_argument("--confirm", required=True, metavar="SLUG", help="the slug once more")
    added = command("tenants plugins", "show or switch the plugins of a tenant", _act(operations.tenant_plugins))
    added.add_argument("slug")
    added.add_argument("--enable", action="append", default=[], metavar="PLUGIN")
    added.add_argument("--disable", action="append", default=[], metavar="PLUGIN")
    added.add_argument("--dry-run", action="store_true", help="say what would turn on and off, and change nothing")
    added = command("tenants set", "change settings of a tenant", _act(operations.set_tenant_settings))
    added.add_argument("slug")
    added.add_argument(
        "settings", nargs="+", metavar="SETTING", help="for example security.rate_limits.api_per_minute=500"
    )
    added = command("tasks failed", "list tasks and events that are not tried any more", _act(operations.failed_tasks))
    added.add_argument("--tenant", help="the tenant's slug; all when absent")
    added = command("tasks retry", "try failed tasks and events again", _act(operations.retry_tasks))
    added.add_argument("ids", nargs="*", metavar="ID")
    added.add_argument("--all", action="store_true")
    added.add_argument("--tenant", help="only those of the tenant with this slug")
    added = command("mail test", "send a test mail at once and tell what the server says", _act(mail_commands.try_mail))
    added.add_argument("--to", required=True, metavar="ADDRESS")
    added.add_argument("--tenant", default="default", help="the tenant's slug")
    added = command(
        "mail failed", "list mails that failed for good, with the server's answer", _act(mail_commands.list_failed)
    )
    added.add_argument("--tenant", default="default", help="the tenant's slug")
    command("keys status", "tell what is kept under each of the secret keys", _act(operations.keys_status))
    command("keys rewrap", "write what is kept under older keys anew under the newest", _act(operations.rewrap_keys))
    _add_plugin_commands(command)


def _add_plugin_commands(command: Callable[..., Parser]) -> None:
    command("plugins list", "list the plugins of this deployment", plugin_commands.list_plugins)
    command(
        "reference", "print what the plugins offer: hooks, permissions, events ...", plugin_commands.print_reference
    )
    added = command("plugins why", "explain why a plugin acts for a tenant or does not", _act(operations.plugin_why))
    added.add_argument("plugin")
    added.add_argument("--tenant", default="default", help="the tenant's slug")
    added = command("plugins new", "write a new plugin in a package of its own", plugin_commands.new_plugin)
    added.add_argument("name")
    added.add_argument("--directory", help="where (collegium-NAME)")
    added = command(
        "plugins check",
        "check a plugin as its author should, on servers of its own; exit code 1 if bad",
        plugin_commands.check_plugin,
    )
    added.add_argument("plugin", help="its name if it is installed, or the folder of its project")
    added = command("plugins rebuild", "let a plugin count anew what it keeps", _act(plugin_commands.rebuild_plugin))
    added.add_argument("plugin")
    added.add_argument("--tenant", help="the tenant's slug; every tenant where it acts when absent")
    added = command("plugins purge", "delete what is left of a plugin for good", _act(plugin_commands.purge_plugin))
    added.add_argument("plugin")
    added.add_argument("--tenant", help="its rows of this tenant, where it is switched off")
    added.add_argument("--schema", action="store_true", help="all that it has, once it is no longer loaded")
    added.add_argument("--yes", action="store_true", help="do not ask")


def _serve(settings: Settings, _options: argparse.Namespace) -> None:
    serve(settings)


def _worker(settings: Settings, _options: argparse.Namespace) -> None:
    async def work(ready: Settings) -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with opened(ready) as deployment, telling_metrics(deployment):
            await take_stock(deployment)
            await run_worker(deployment, stop)

    with ready_settings(settings) as ready:
        configure_logging(ready)
        configure_tracing(ready)
        asyncio.run(work(ready))


def _migrate(settings: Settings, _options: argparse.Namespace) -> None:
    with ready_settings(settings) as ready:
        asyncio.run(operations.migrate(ready))


async def _seed(deployment: Deployment, options: argparse.Namespace) -> str:
    return "\n".join(await seed_demo(deployment, options.size))


def _openapi(settings: Settings, _options: argparse.Namespace) -> None:
    with ready_settings(settings) as ready:
        document = create_app(create_deployment(ready)).openapi_schema.to_schema()
    print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def _roles_sql(_settings: Settings, _options: argparse.Namespace) -> None:
    print(operations.roles_sql())


def _migration(settings: Settings, options: argparse.Namespace) -> None:
    with ready_settings(settings) as ready:
        print(asyncio.run(operations.new_migration(ready, options.plugin, options.message)))


def _act(act: Act) -> Callable[[Settings, argparse.Namespace], None]:
    """Return the command that runs `act` with an open deployment and prints its text."""

    async def work(ready: Settings, options: argparse.Namespace) -> str:
        async with opened(ready) as deployment:
            return await act(deployment, options)

    def run(settings: Settings, options: argparse.Namespace) -> None:
        with ready_settings(settings) as ready:
            if text := asyncio.run(work(ready, options)):
                print(text)

    return run


def _for_tenant(command: Command) -> Callable[[Settings, argparse.Namespace], None]:
    """Return a plugin's command, run in a transaction of the tenant that `--tenant` names."""

    async def act(deployment: Deployment, options: argparse.Namespace) -> str:
        return await operations.run_command(deployment, command, options)

    return _act(act)


if __name__ == "__main__":
    sys.exit(main())
