"""The command: a mistake is one sentence and exit code 2, and what operators do is felt by running processes."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import NamedTuple

import asyncpg
import msgspec
import pytest

from kernel.cli import main
from kernel.embedded import Stack
from kernel.ids import new_id
from kernel.plugin import GROUP
from kernel.settings import Settings

CATEGORIES = "general, lab, mail, payment, security"
KEY = "0123456789abcdef0123456789abcdef"
NOBODY = "postgresql+asyncpg://x:swordfish@127.0.0.1:1/x"


class Ran(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line of a refusal."""
        assert (self.code, self.out) == (2, ""), self
        assert self.err.startswith("collegium: ")
        assert self.err.count("\n") == 1
        return self.err.removeprefix("collegium: ").removesuffix("\n")


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """A function that runs a command with these settings in its environment; no plugin is installed but the lab."""
    points = [EntryPoint(name="lab", value="tests.kernel.lab.plugin:PLUGIN", group=GROUP)]
    monkeypatch.setattr("kernel.plugin.entry_points", lambda group: points)
    for name in [name for name in os.environ if name.startswith("COLLEGIUM_")]:
        monkeypatch.delenv(name)

    def command(*arguments: str, settings: Settings | None = None, **environment: str) -> Ran:
        with monkeypatch.context() as patch:
            chosen = {} if settings is None else msgspec.structs.replace(settings, plugins=None).environment()
            for name, value in {**chosen, **environment}.items():
                patch.setenv(name, value)
            capfd.readouterr()
            code = main(arguments)
        return Ran(code, *capfd.readouterr())

    return command


@pytest.fixture
def slug(run: Run, lab_settings: Settings) -> str:
    """The slug of a fresh tenant."""
    name = f"cli-{new_id().hex[-12:]}"
    made = run("tenants", "create", name, "--name", "Made", "--host", f"{name}.test", settings=lab_settings)
    assert (made.code, made.err) == (0, "")
    assert re.match(rf"{name} [0-9a-f-]{{36}}\n", made.out)
    return name


# --- mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (["serve"], {"COLLEGIUM_PROT": "1"}, "Unknown setting 'prot' in COLLEGIUM_PROT. Did you mean 'port'?"),
        (["serve", "--port", "many"], {}, "A setting is wrong: Expected `int`, got `str` - at `$.port`."),
        (["serve", "--port", "99999"], {}, "port must be between 1 and 65535, not 99999."),
        (
            ["serve", "--demo", "--host", "0.0.0.0"],
            {},
            "The demo's accounts are known to everyone, so --demo serves on 127.0.0.1 only.",
        ),
        (
            ["serve"],
            {"COLLEGIUM_CONFIG": "/nowhere/collegium.toml"},
            "The settings file /nowhere/collegium.toml cannot be read: No such file or directory.",
        ),
        (
            ["plugins", "list"],
            {"COLLEGIUM_PLUGINS": "lab,quizzes"},
            "Plugin 'quizzes' (settings: plugins): it is not installed. Installed are: lab.",
        ),
        ([], {}, "the following arguments are required: COMMAND. See `collegium --help`."),
        (["tenants"], {}, "the following arguments are required: COMMAND. See `collegium tenants --help`."),
        (["serve", "--fast"], {}, "unrecognized arguments: --fast. See `collegium --help`."),
        (
            ["tenants", "create", "x"],
            {},
            "the following arguments are required: --name, --host. See `collegium tenants create --help`.",
        ),
    ],
)
def test_mistake_is_one_sentence(
    run: Run, tmp_path: Path, arguments: Sequence[str], environment: dict[str, str], sentence: str
) -> None:
    assert run(*arguments, COLLEGIUM_DATA_DIR=str(tmp_path / "data"), **environment).sentence == sentence
    assert list(tmp_path.iterdir()) == []


def test_bad_toml_is_one_sentence(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "collegium.toml"
    file.write_text("port = = 1")

    assert run("serve", COLLEGIUM_CONFIG=str(file)).sentence.startswith(f"The settings file {file} is not valid TOML: ")


def test_unknown_command_is_one_sentence(run: Run) -> None:
    assert run("dance").sentence.startswith("argument COMMAND: invalid choice: 'dance'")


def test_taken_port_is_one_sentence(run: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = run(
            "serve", "--port", str(port), COLLEGIUM_SECRET_KEYS=KEY, COLLEGIUM_DATA_DIR=str(tmp_path / "data")
        )

    assert refused.sentence == (
        f"Cannot listen on 127.0.0.1 port {port}: Address already in use. Choose another with --port."
    )


def test_host_of_another_machine_is_one_sentence(run: Run, tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    sentence = run("serve", "--host", "203.0.113.1", COLLEGIUM_SECRET_KEYS=KEY, COLLEGIUM_DATA_DIR=data).sentence

    assert (
        sentence
        == "Cannot listen on 203.0.113.1 port 8000: Cannot assign requested address. Choose another with --port."
    )


def test_data_directory_of_another_version_is_one_sentence(run: Run) -> None:
    # Not below pytest's own directory, which the user who runs the servers for root may not enter.
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        (place / "data" / "postgres").mkdir(parents=True)
        (place / "data" / "postgres" / "PG_VERSION").write_text("9.6\n")
        ran = run("serve", "--demo", "--port", str(free_port()), "--data-dir", str(place / "data"))

    assert ran.code == 2
    assert re.match(
        rf"collegium: {name}/data/postgres was made by PostgreSQL 9\.6 and this is PostgreSQL \d+: choose another",
        ran.err.splitlines()[-1],
    )


@pytest.mark.parametrize("arguments", [["serve"], ["tenants", "list"], ["migrate"]])
def test_database_that_does_not_answer_is_one_sentence(run: Run, lab_settings: Settings, arguments: list[str]) -> None:
    unreachable = msgspec.structs.replace(
        lab_settings, database_url=NOBODY, operator_database_url=NOBODY, owner_database_url=NOBODY, port=free_port()
    )
    sentence = run(*arguments, settings=unreachable).sentence

    assert "answer" in sentence
    assert "swordfish" not in sentence


def test_wrong_password_of_the_database_is_one_sentence(run: Run, lab_settings: Settings) -> None:
    wrong = re.sub(r":[^:@/]+@", ":wrong@", lab_settings.operator_database_url)

    sentence = run(
        "tenants", "list", settings=msgspec.structs.replace(lab_settings, operator_database_url=wrong)
    ).sentence

    assert sentence == (
        "A server does not answer as it should: password authentication failed for user "
        '"collegium_operator". `collegium doctor` tells which.'
    )


def test_pending_migrations_refuse_the_start(run: Run, lab_settings: Settings, stack: Stack) -> None:
    # The stack's own database is empty: tests use copies of a template.
    fresh = msgspec.structs.replace(lab_settings, database_url=stack.database_urls["app"], port=free_port())

    sentence = run("serve", settings=fresh).sentence

    assert re.fullmatch(
        r"Plugin 'kernel' \(.*/kernel/migrations\): the database lacks 0001, .* of its revisions; "
        r"run `collegium migrate`\.",
        sentence,
    )


def test_migrating_without_the_owners_address_is_one_sentence(run: Run, lab_settings: Settings) -> None:
    ownerless = msgspec.structs.replace(lab_settings, owner_database_url="")

    assert run("migrate", settings=ownerless).sentence == (
        "COLLEGIUM_OWNER_DATABASE_URL is not set: only the owner role may migrate."
    )


def test_storage_that_nobody_understands_is_one_sentence(run: Run, lab_settings: Settings) -> None:
    sentence = run("doctor", settings=msgspec.structs.replace(lab_settings, storage_url="ftp://x")).sentence

    assert sentence.startswith("COLLEGIUM_STORAGE_URL begins with ftp:")


def test_command_as_a_program_ends_with_the_code_and_without_a_traceback() -> None:
    environment = {**os.environ, "COLLEGIUM_PROT": "1"}

    done = subprocess.run(
        [sys.executable, "-m", "kernel.cli", "serve"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "collegium: Unknown setting 'prot' in COLLEGIUM_PROT. Did you mean 'port'?\n"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- tenants ---------------------------------------------------------------------------------------------------------


def listed(run: Run, settings: Settings, slug: str) -> list[str]:
    """Return the columns of a tenant in the list."""
    lines = run("tenants", "list", settings=settings).out.splitlines()
    return next(line.split("\t") for line in lines if line.startswith(f"{slug}\t"))


def test_tenant_is_created_and_listed(run: Run, lab_settings: Settings, slug: str) -> None:
    assert listed(run, lab_settings, slug) == [slug, "Made", f"{slug}.test", "active", "all plugins"]


def test_tenant_is_not_created_twice_nor_at_a_taken_host(run: Run, lab_settings: Settings, slug: str) -> None:
    twice = run("tenants", "create", slug, "--name", "Again", "--host", "x.test", settings=lab_settings)
    taken = run("tenants", "create", f"{slug}-2", "--name", "B", "--host", f"{slug}.TEST", settings=lab_settings)

    assert twice.sentence == f"There is a tenant {slug!r} already."
    assert taken.sentence == f"The host '{slug}.test' belongs to a tenant already."
    assert f"{slug}-2" not in run("tenants", "list", settings=lab_settings).out


@pytest.mark.parametrize("host", ["http://x.test", "x.test:80", "x.test/", "x y", "-x", ""])
def test_host_must_be_a_name(run: Run, lab_settings: Settings, slug: str, host: str) -> None:
    sentence = run("tenants", "hosts", slug, f"--add={host}", settings=lab_settings).sentence

    assert sentence == f"{host!r} is no host: give a name or an address, without scheme, port and path."


def test_hosts_are_shown_added_and_removed(run: Run, lab_settings: Settings, slug: str) -> None:
    assert run("tenants", "hosts", slug, settings=lab_settings).out == f"{slug}.test\n"
    changed = run(
        "tenants", "hosts", slug, "--add", f"a.{slug}.test", "--remove", f"{slug}.test", settings=lab_settings
    )
    assert changed.out == f"a.{slug}.test\n"
    missing = run("tenants", "hosts", slug, "--remove", "x.test", settings=lab_settings)
    assert missing.sentence == f"{slug} has no host 'x.test'."


def test_tenant_is_disabled_and_enabled(run: Run, lab_settings: Settings, slug: str) -> None:
    assert run("tenants", "disable", slug, settings=lab_settings).out == f"{slug} is disabled.\n"
    assert listed(run, lab_settings, slug)[3] == "disabled"
    assert run("tenants", "enable", slug, settings=lab_settings).out == f"{slug} is enabled.\n"
    assert listed(run, lab_settings, slug)[3] == "active"


def test_tenant_is_erased_once_it_is_disabled_and_confirmed(run: Run, lab_settings: Settings, slug: str) -> None:
    run("things", "make", "box", "--tenant", slug, settings=lab_settings)
    erase = ("tenants", "erase", slug, "--confirm")

    active = run(*erase, slug, settings=lab_settings)
    run("tenants", "disable", slug, settings=lab_settings)
    unconfirmed = run(*erase, "other", settings=lab_settings)
    gone = run(*erase, slug, settings=lab_settings)

    assert active.sentence == "Disable the tenant first: a tenant that serves is not erased."
    assert unconfirmed.sentence == "Repeat the slug in --confirm: everything of the tenant will be gone."
    assert gone.out == f"{slug} is gone.\n"
    assert f"{slug}\t" not in run("tenants", "list", settings=lab_settings).out


def test_plugins_of_a_tenant_are_shown_and_switched(run: Run, lab_settings: Settings, slug: str) -> None:
    words = ("tenants", "plugins", slug)
    assert run(*words, settings=lab_settings).out == "lab acts.\n"
    off = run(*words, "--disable", "lab", settings=lab_settings)
    assert off.out == "lab turns off: lab is not switched on for this tenant.\n"
    assert run(*words, settings=lab_settings).out == "lab is not switched on for this tenant.\n"
    assert run("plugins", "why", "lab", "--tenant", slug, settings=lab_settings).out == (
        "lab is not switched on for this tenant.\n"
    )
    assert run(*words, "--disable", "lab", settings=lab_settings).out == "Nothing turns on or off.\n"
    assert listed(run, lab_settings, slug)[4] == ""
    assert run(*words, "--enable", "lab", settings=lab_settings).out == "lab turns on: lab is switched on.\n"


def test_switching_plugins_can_be_tried_without_effect(run: Run, lab_settings: Settings, slug: str) -> None:
    tried = run("tenants", "plugins", slug, "--disable", "lab", "--dry-run", settings=lab_settings)

    assert tried.out == "lab turns off: lab is not switched on for this tenant.\n"
    assert listed(run, lab_settings, slug)[4] == "all plugins"


def test_plugin_that_is_not_loaded_cannot_be_switched(run: Run, lab_settings: Settings, slug: str) -> None:
    refused = run("tenants", "plugins", slug, "--enable", "quizzes", settings=lab_settings)

    assert refused.sentence == "'quizzes' is not loaded; the plugins are lab."
    assert run("plugins", "why", "quizzes", "--tenant", slug, settings=lab_settings).out == (
        "quizzes is not loaded in this deployment.\n"
    )


@pytest.mark.parametrize("words", [["plugins"], ["enable"], ["disable"], ["hosts"], ["set", "security.x=1"]])
def test_tenant_that_is_not_there_is_one_sentence(run: Run, lab_settings: Settings, words: list[str]) -> None:
    refused = run("tenants", words[0], "nobody", *words[1:], settings=lab_settings)

    assert refused.sentence == "No tenant has this slug; `collegium tenants list` shows them."


def test_settings_of_a_tenant_are_changed_all_or_none(run: Run, lab_settings: Settings, slug: str) -> None:
    good = run("tenants", "set", slug, "lab.rooms=3", "lab.colour=#ffffff", settings=lab_settings)
    bad = run("tenants", "set", slug, "lab.rooms=4", "lab.colour=white", settings=lab_settings)

    assert (good.code, good.err) == (0, "")
    assert bad.sentence.startswith("lab.colour: Expected `str` matching regex")
    with asyncio.Runner() as runner:
        assert runner.run(stored(lab_settings, slug)) == '{"lab": {"rooms": 3, "colour": "#ffffff"}}'


async def stored(settings: Settings, slug: str) -> str:
    """Return the tenant's settings as the database has them."""
    connection = await asyncpg.connect(settings.operator_database_url.replace("+asyncpg", ""))
    try:
        return str(await connection.fetchval("SELECT settings FROM kernel.tenants WHERE slug = $1", slug))
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("lab.rooms", f"Write category.name=value; the categories are {CATEGORIES}."),
        ("lab=1", f"Write category.name=value; the categories are {CATEGORIES}."),
        ("securty.x=1", f"Write category.name=value; the categories are {CATEGORIES}. Did you mean 'security'?"),
        ("lab.room=1", "lab.room: There is no such field."),
        ("lab.rooms=many", "lab.rooms: Expected `int`, got `str`."),
        ("lab.rooms.x=1", "lab.rooms: Expected `int`, got `object`."),
        ("security.rate_limits=1", "security.rate_limits: Expected an object."),
        ("security.rate_limits.login_per_minute=0", "security.rate_limits.login_per_minute: Expected `int` >= 1."),
    ],
)
def test_wrong_setting_of_a_tenant_is_one_sentence(
    run: Run, lab_settings: Settings, slug: str, setting: str, sentence: str
) -> None:
    assert run("tenants", "set", slug, setting, settings=lab_settings).sentence == sentence


def test_command_of_a_plugin_works_in_the_tenant_that_is_named(run: Run, lab_settings: Settings, slug: str) -> None:
    made = run("things", "make", "box", "--tenant", slug, settings=lab_settings)
    twice = run("things", "make", "box", "--tenant", slug, settings=lab_settings)
    nobody = run("things", "make", "box", "--tenant", "nobody", settings=lab_settings)
    unnamed = run("things", "make", settings=lab_settings)

    assert made == Ran(0, f"{slug} has 1.\n", "")
    assert "23505 uq_things_tenant_id_name" in twice.sentence
    assert "duplicate key" not in twice.sentence  # the server's words quote the row
    assert nobody.sentence == "No school is at home at this address."
    assert unnamed.sentence == "the following arguments are required: name. See `collegium things make --help`."


# --- the rest --------------------------------------------------------------------------------------------------------


def test_plugins_are_listed(run: Run) -> None:
    assert run("plugins", "list").out == "lab 1.0.0: One of everything.\n"


def test_plugin_in_quarantine_is_listed_with_its_reason(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint(name="lab", value="tests.kernel.lab.plugin:PLUGIN", group=GROUP),
        EntryPoint(name="broken", value="tests.kernel.lab.nothing:PLUGIN", group=GROUP),
    ]
    monkeypatch.setattr("kernel.plugin.entry_points", lambda group: points)

    refused = run("plugins", "list")
    kept = run("plugins", "list", COLLEGIUM_ON_BAD_PLUGIN="quarantine")

    reason = "Plugin 'broken' (tests.kernel.lab.nothing:PLUGIN): it cannot be imported: ModuleNotFoundError("
    assert refused.sentence.startswith(reason)
    assert kept.out.splitlines()[0] == "lab 1.0.0: One of everything."
    assert kept.out.splitlines()[1].startswith(f"broken: set aside. {reason}")


def test_doctor_says_how_every_part_is(run: Run, lab_settings: Settings) -> None:
    well = run("doctor", settings=msgspec.structs.replace(lab_settings, smtp_url="", embedded_stack=True))

    assert well == Ran(0, "ok   database\nok   redis\nok   storage\nok   migrations\nok   redis settings\n", "")


def test_doctor_fails_when_a_part_does(run: Run, lab_settings: Settings, tmp_path: Path) -> None:
    severed = msgspec.structs.replace(
        lab_settings,
        redis_url=f"unix://{tmp_path}/nobody.sock",
        database_url=NOBODY,
        smtp_url=f"smtp://127.0.0.1:{free_port()}?security=none",
    )

    ill = run("doctor", settings=severed)

    assert (ill.code, ill.err) == (1, "")
    assert [line[:14] for line in ill.out.splitlines()] == [
        "FAIL database ",
        "FAIL redis Err",
        "ok   storage",
        "FAIL migration",
        "FAIL mail SMTP",
    ]
    assert "swordfish" not in ill.out


def test_a_test_mail_without_a_server_goes_into_the_folder(run: Run, lab_settings: Settings, tmp_path: Path) -> None:
    folder = msgspec.structs.replace(lab_settings, smtp_url="", embedded_stack=True, data_dir=tmp_path)

    taken = run("mail", "test", "--to", "ada@north.test", settings=folder)

    (file,) = tmp_path.glob("mail/*/*.eml")
    assert taken == Ran(0, f"Taken by {file.parent}.\n", "")
    assert b"To: ada@north.test" in file.read_bytes()


def test_a_test_mail_that_nobody_takes_is_one_sentence(run: Run, lab_settings: Settings) -> None:
    nobody = msgspec.structs.replace(lab_settings, smtp_url=f"smtp://127.0.0.1:{free_port()}?security=none")
    refused = run("mail", "test", "--to", "ada@north.test", settings=nobody)

    assert (refused.code, refused.sentence[:16]) == (2, "SMTPConnectError")


def test_mails_that_failed_are_listed(run: Run, lab_settings: Settings) -> None:
    assert run("mail", "failed", settings=lab_settings) == Ran(0, "No mail has failed.\n", "")


def test_openapi_prints_the_document(run: Run, lab_settings: Settings) -> None:
    printed = run("openapi", settings=lab_settings)

    document = msgspec.json.decode(printed.out)
    assert document["info"] == {"title": "Collegium", "version": "1.0.0"}
    assert "/api/v1/lab/things" in document["paths"]


async def test_roles_sql_makes_the_roles_of_an_own_postgresql(run: Run, stack: Stack) -> None:
    script = run("roles-sql").out
    connection = await asyncpg.connect(stack.database_urls["superuser"].replace("+asyncpg", ""))
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(script)
        await connection.execute(script)
        roles = await connection.fetch(
            "SELECT rolname, rolcanlogin, rolsuper, rolbypassrls FROM pg_roles"
            " WHERE rolname LIKE 'collegium\\_%' ORDER BY rolname"
        )
        await transaction.rollback()
    finally:
        await connection.close()

    assert [tuple(role) for role in roles] == [
        ("collegium_app", True, False, False),
        ("collegium_operator", True, False, True),
        ("collegium_owner", True, False, False),
        ("collegium_worker", True, False, False),
    ]
    assert re.findall(r"PASSWORD '([^']*)'", script) == [
        f"choose-a-password-for-{role}" for role in ("owner", "operator", "app", "worker")
    ]


def test_help_needs_nothing(run: Run) -> None:
    with pytest.raises(SystemExit) as ended:
        run("--help")

    assert ended.value.code == 0
