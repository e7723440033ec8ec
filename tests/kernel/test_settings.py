"""Deployment settings: where they come from and what a mistake says."""

import re
from pathlib import Path
from typing import Any

import pytest

from kernel.answer_headers import standing_headers
from kernel.settings import Settings, SettingsError, load_settings

KEY = "0123456789abcdef0123456789abcdef"
BEGIN = "must begin with postgresql+asyncpg://."
OUTSIDE = {
    "COLLEGIUM_DATABASE_URL": "postgresql+asyncpg://x",
    "COLLEGIUM_WORKER_DATABASE_URL": "postgresql+asyncpg://x",
    "COLLEGIUM_OPERATOR_DATABASE_URL": "postgresql+asyncpg://x",
    "COLLEGIUM_REDIS_URL": "redis://x",
    "COLLEGIUM_STORAGE_URL": "file:///x",
    "COLLEGIUM_SECRET_KEYS": KEY,
}


def test_settings_without_anything_are_the_defaults() -> None:
    assert load_settings(environment={}) == Settings()


def test_settings_come_from_file_then_environment_then_command_line(tmp_path: Path) -> None:
    file = tmp_path / "collegium.toml"
    file.write_text('port = 1000\nhost = "127.0.0.2"\nworkers = 3\n')
    environment = {"COLLEGIUM_CONFIG": str(file), "COLLEGIUM_PORT": "2000", "COLLEGIUM_WORKERS": "2", "PATH": "/bin"}

    settings = load_settings({"workers": 4, "host": None}, environment)

    assert (settings.host, settings.port, settings.workers) == ("127.0.0.2", 2000, 4)


def test_settings_survive_the_way_through_the_environment() -> None:
    settings = Settings(
        secret_keys=(KEY, KEY[::-1]), plugins=("auth", "media"), demo=True, port=8123, redis_url="unix:/x"
    )

    assert load_settings(environment=settings.environment()) == settings


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"COLLEGIUM_PROT": "1"}, "Unknown setting 'prot' in COLLEGIUM_PROT. Did you mean 'port'?"),
        ({"COLLEGIUM_PORT": "many"}, "A setting is wrong: Expected `int`, got `str` - at `$.port`."),
        ({"COLLEGIUM_PORT": "70000"}, "port must be between 1 and 65535, not 70000."),
        ({"COLLEGIUM_WORKERS": "0"}, "workers must be between 1 and 1000, not 0."),
        ({"COLLEGIUM_DATABASE_POOL_SIZE": "0"}, "database_pool_size must be between 1 and 1000, not 0."),
        ({"COLLEGIUM_PASSWORD_HASH_COST": "3"}, "password_hash_cost must be between 4 and 16, not 3."),
        (
            {"COLLEGIUM_SECRET_KEYS": f"{KEY},{KEY}"},
            "COLLEGIUM_SECRET_KEYS holds the same key twice. Remove one of them.",
        ),
        (
            {"COLLEGIUM_TRUSTED_PROXIES": "10.0.0.1,10.0.0.0/8"},
            "trusted_proxies holds '10.0.0.0/8', which is no IP address.",
        ),
        (
            {"COLLEGIUM_OUTBOUND_ALLOW": "intra,10.0.0.0/8,::1,idp.north.example,10.0.0.1/8"},
            "outbound_allow holds '10.0.0.1/8', which is neither a host's name nor a network.",
        ),
        (
            {"COLLEGIUM_OUTBOUND_ALLOW": "10.0.0"},
            "outbound_allow holds '10.0.0', which is neither a host's name nor a network.",
        ),
        ({**OUTSIDE, "COLLEGIUM_DATABASE_URL": "postgres://x"}, f"COLLEGIUM_DATABASE_URL {BEGIN}"),
        ({**OUTSIDE, "COLLEGIUM_OWNER_DATABASE_URL": "mysql://x"}, f"COLLEGIUM_OWNER_DATABASE_URL {BEGIN}"),
        (
            {**OUTSIDE, "COLLEGIUM_REDIS_URL": "http://x"},
            "COLLEGIUM_REDIS_URL must begin with redis:// or rediss:// or unix://.",
        ),
        (
            {"COLLEGIUM_SECRET_KEYS": "short"},
            "Each of COLLEGIUM_SECRET_KEYS needs at least 32 characters; 1 are shorter.",
        ),
        (
            {"COLLEGIUM_DEMO": "true", "COLLEGIUM_HOST": "0.0.0.0"},
            "The demo's accounts are known to everyone, so --demo serves on 127.0.0.1 only.",
        ),
        (
            {"COLLEGIUM_DATABASE_URL": "postgresql+asyncpg://x"},
            "With database_url set, COLLEGIUM_REDIS_URL must be set too: nothing is embedded then.",
        ),
        (
            {"COLLEGIUM_CONFIG": "/nowhere/x.toml"},
            "The settings file /nowhere/x.toml cannot be read: No such file or directory.",
        ),
    ],
)
def test_settings_say_what_is_wrong(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load_settings(environment=environment)

    assert str(refusal.value) == sentence


def test_settings_file_with_bad_toml_is_named(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text("port = = 1")

    with pytest.raises(SettingsError, match=f"^The settings file {file} is not valid TOML: "):
        load_settings(environment={"COLLEGIUM_CONFIG": str(file)})


def test_settings_file_with_an_unknown_key_names_file_and_nearest_key(tmp_path: Path) -> None:
    file = tmp_path / "collegium.toml"
    file.write_text('hots = "x"\n')

    with pytest.raises(SettingsError) as refusal:
        load_settings(environment={"COLLEGIUM_CONFIG": str(file)})

    assert str(refusal.value) == f"Unknown setting 'hots' in {file}. Did you mean 'host'?"


@pytest.mark.parametrize(
    ("settings", "own", "none"),
    [
        (Settings(public_url="https://learn.test:8443"), "https://school.test:8443", "https://learn.test:8443"),
        (Settings(public_url="http://learn.test/"), "http://school.test", "http://learn.test"),
        (Settings(embedded_stack=True, port=8123), "http://school.test:8123", "http://127.0.0.1:8123"),
        (Settings(embedded_stack=True, host="::1"), "http://school.test:8000", "http://[::1]:8000"),
        (Settings(host="10.0.0.1"), "https://school.test", "https://10.0.0.1"),
    ],
)
def test_address_of_a_tenant_is_where_browsers_reach_it(settings: Settings, own: str, none: str) -> None:
    assert (settings.address_of("school.test"), settings.address_of("")) == (own, none)


@pytest.mark.parametrize(
    "url", ["learn.test", "ftp://x.test", "https://", "https://x.test/a", "https://u@x.test", "https://x.test:x"]
)
def test_public_url_is_an_origin(url: str) -> None:
    with pytest.raises(SettingsError, match="public_url must be scheme and host"):
        load_settings(environment={"COLLEGIUM_PUBLIC_URL": url})


def test_headers_of_every_answer_can_be_changed_and_media_hosts_added() -> None:
    settings = load_settings(
        {
            "security_headers": ("Strict-Transport-Security: max-age=60", "X-XSS-Protection:"),
            "media_hosts": ("https://media.example", "https://s3.example:9000"),
        },
        {},
    )
    headers = {name.decode(): value.decode() for name, value in standing_headers(settings)}

    assert headers["strict-transport-security"] == "max-age=60"
    assert "x-xss-protection" not in headers
    assert headers["content-security-policy"].startswith("default-src 'self'; object-src 'none'; base-uri 'none'; ")
    assert headers["content-security-policy"].endswith(
        "img-src 'self' https://media.example https://s3.example:9000; "
        "media-src 'self' https://media.example https://s3.example:9000; "
        "connect-src 'self' https://media.example https://s3.example:9000"
    )
    assert standing_headers(settings, "https://s3.example:9000") == standing_headers(settings)
    bucket = dict(standing_headers(load_settings({}, {}), "https://files.example"))
    assert b"media-src 'self' https://files.example;" in bucket[b"content-security-policy"]
    own = load_settings({"security_headers": ("Content-Security-Policy: default-src 'none'",)}, {})
    assert (b"content-security-policy", b"default-src 'none'") in standing_headers(own)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("security_headers", "X-Other: a"),
        ("security_headers", "Referrer-Policy"),
        ("security_headers", "Referrer-Policy: a\r\nSet-Cookie: b"),
        ("media_hosts", "media.example"),
        ("media_hosts", "https://media.example; script-src *"),
    ],
)
def test_a_header_or_host_that_cannot_stand_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} holds"):
        load_settings({name: (value,)}, {})


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"smtp_url": "smtp://mail.test"}, "With smtp_url set, COLLEGIUM_MAIL_FROM must say who sends the mails."),
        ({"mails_per_hour": 0}, "mails_per_hour must be between 1 and 10000000, not 0."),
        (
            {"storage_public_url": "files.test"},
            "storage_public_url must be scheme and host",
        ),
        ({"storage_public_url": "https://files.test/x"}, "storage_public_url must be scheme and host"),
        ({"storage_proxy_path": "stored"}, "storage_proxy_path must be a path such as /stored/."),
        ({"storage_proxy_path": "/../etc/"}, "storage_proxy_path must be a path such as /stored/."),
    ],
)
def test_mail_and_storage_that_cannot_be_are_refused(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        load_settings(values, {})
