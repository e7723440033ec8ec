"""A tenant's choices: merged, read in spite of what does not fit, secrets encrypted and never shown."""

from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct

from kernel.categories import GENERAL, GeneralSettings
from kernel.choices import Secrets, changed, masked, read, shown
from kernel.errors import FieldError, Invalid
from kernel.ids import new_id
from kernel.keys import Keyring
from kernel.settings import Destination, SecretText, SettingsSpec
from tests.kernel.fakes import KEYRING


class Server(Struct, frozen=True, forbid_unknown_fields=True):
    """A part with a secret."""

    host: Destination = ""
    port: Annotated[int, Meta(ge=1, le=65_535)] = 25
    password: SecretText = ""


class Provider(Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in a mapping by name."""

    issuer: Destination
    secret: Annotated[SecretText, Meta(max_length=20)] = ""


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """Both ends of a range must go together."""

    server: Server = Server()
    providers: dict[str, Provider] = {}
    reply_to: str | None = "office@school.test"
    least: int = 1
    most: int = 5
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.least > self.most:
            raise ValueError("least: It must not be above `most`")


MAIL = SettingsSpec("mail", Options, "Mail", public=("reply_to",), operator=("most",))
SECRETS = Secrets(KEYRING, new_id())


def change(stored: dict[str, Any], **values: Any) -> dict[str, Any]:
    return changed(MAIL, stored, values, SECRETS)


def options(stored: Any) -> tuple[Options, list[str]]:
    return read(MAIL, Options, stored, SECRETS)


def errors_of(stored: dict[str, Any], **values: Any) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        change(stored, **values)
    return [(error.field, error.message) for error in refused.value.errors]


def test_change_keeps_what_it_does_not_name() -> None:
    first = change({}, server={"host": "a.test"}, most=7)
    second = change(first, server={"port": 587})

    assert second == {"server": {"host": "a.test", "port": 587}, "most": 7}
    assert options(second) == (Options(server=Server("a.test", 587), most=7), [])


def test_null_brings_the_default_back_or_is_a_value_of_its_own() -> None:
    stored = change({}, server={"host": "a.test"}, most=7, providers={"x": {"issuer": "i"}, "y": {"issuer": "j"}})

    after = change(stored, server={"host": None}, most=None, reply_to=None, providers={"x": None})

    assert after == {"server": {}, "reply_to": None, "providers": {"y": {"issuer": "j"}}}
    assert options(after)[0] == Options(reply_to=None, providers={"y": Provider("j")})


def test_every_wrong_field_is_named() -> None:
    wrong = errors_of(
        {}, server={"port": 0, "hots": "x"}, providers={"x": {}, "y": 3}, words=["a", 1], most="many", colour="red"
    )

    assert wrong == [
        ("mail.server.port", "Expected `int` >= 1."),
        ("mail.server.hots", "There is no such field."),
        ("mail.providers.y", "Expected an object."),
        ("mail.words[1]", "Expected `str`, got `int`."),
        ("mail.most", "Expected `int`, got `str`."),
        ("mail.colour", "There is no such field."),
    ]
    assert errors_of({}, providers={"x": {}}) == [("mail.providers.x.issuer", "This field is required.")]
    assert errors_of(change({}, most=2), least=3) == [("mail.least", "It must not be above `most`.")]
    with pytest.raises(Invalid) as refused:
        changed(MAIL, {}, [1], SECRETS)
    assert refused.value.errors == (FieldError("mail", "Expected an object."),)


def test_secret_is_stored_encrypted_and_shown_to_nobody() -> None:
    stored = change({}, server={"password": "swordfish"}, providers={"x": {"issuer": "i", "secret": "trout"}})
    chosen, misfits = options(stored)

    assert "swordfish" not in repr(stored)
    assert "trout" not in repr(stored)
    assert (chosen.server.password, chosen.providers["x"].secret, misfits) == ("swordfish", "trout", [])
    assert shown(MAIL, chosen)["server"] == {"host": "", "port": 25, "password": "***"}
    assert shown(MAIL, chosen)["providers"] == {"x": {"issuer": "i", "secret": "***"}}
    assert masked(MAIL, stored) == {
        "server": {"password": "***"},
        "providers": {"x": {"issuer": "i", "secret": "***"}},
    }


def test_secret_is_given_again_where_it_would_be_sent_elsewhere() -> None:
    """Else whoever may change settings, and never see a secret, has it sent to a server of their own."""
    stored = change(
        {},
        server={"host": "a.test", "password": "swordfish"},
        providers={"x": {"issuer": "https://a.test", "secret": "swordfish"}},
    )
    sentence = "Give it again: it would be sent to another server than the one that it was given for."

    assert errors_of(stored, server={"host": "b.test"}) == [("mail.server.password", sentence)]
    assert errors_of(stored, server={"host": "b.test", "password": "***"}) == [("mail.server.password", sentence)]
    assert errors_of(stored, providers={"x": {"issuer": "https://b.test"}}) == [("mail.providers.x.secret", sentence)]
    # By two steps neither: a server that is gone is not the one that comes.
    assert errors_of(change(stored, server={"host": None}), server={"host": "b.test"}) == [
        ("mail.server.password", sentence)
    ]
    given = change(stored, server={"host": "b.test", "password": "marlin"}, providers={"x": None})
    assert options(given)[0].server == Server("b.test", 25, "marlin")
    assert change(stored, server={"host": "b.test", "password": ""})["server"]["password"] == ""


def test_stars_leave_a_secret_as_it_is_and_an_empty_text_takes_it_away() -> None:
    stored = change({}, server={"password": "swordfish"})

    kept = change(stored, server={"password": "***", "port": 26})
    gone = change(stored, server={"password": ""})

    assert kept["server"]["password"] == stored["server"]["password"]
    assert shown(MAIL, options(gone)[0])["server"]["password"] == ""
    assert change({}, server={"password": "***"}) == {"server": {}}
    assert errors_of({}, providers={"x": {"issuer": "i", "secret": "x" * 21}}) == [
        ("mail.providers.x.secret", "Expected `str` of length <= 20.")
    ]


def test_secret_opens_only_for_its_tenant_and_place() -> None:
    stored = change({}, server={"password": "swordfish"}, providers={"x": {"issuer": "i", "secret": "trout"}})
    stored["providers"]["x"]["secret"] = stored["server"]["password"]

    here, misfits = options(stored)
    elsewhere, _ = read(MAIL, Options, stored, Secrets(KEYRING, new_id()))
    keyless, _ = read(MAIL, Options, stored, Secrets(Keyring(["another key 0123456789 0123456789 abc"]), new_id()))

    assert (here.server.password, here.providers) == ("swordfish", {"x": Provider("i")})
    assert misfits == ["mail.providers.x.secret"]
    assert elsewhere.server == keyless.server == Server()


@pytest.mark.parametrize(
    ("stored", "expected", "misfits"),
    [
        ({"most": "many", "least": 2}, Options(least=2), ["mail.most"]),
        ({"server": {"port": 0, "host": "a"}}, Options(server=Server("a")), ["mail.server.port"]),
        ({"server": 3, "most": 4}, Options(most=4), ["mail.server"]),
        ({"colour": "red", "most": 4}, Options(most=4), ["mail.colour"]),
        (
            {"providers": {"x": {}, "y": {"issuer": "j"}}},
            Options(providers={"y": Provider("j")}),
            ["mail.providers.x.issuer"],
        ),
        ({"least": 9, "words": ["a"]}, Options(words=("a",)), ["mail.least"]),
        ({"server": {"password": 3}}, Options(), ["mail.server.password"]),
        ([], Options(), ["mail"]),
        (None, Options(), ["mail"]),
    ],
)
def test_what_no_longer_fits_counts_as_the_default(stored: Any, expected: Options, misfits: list[str]) -> None:
    assert options(stored) == (expected, misfits)


def test_change_takes_away_what_no_longer_fits() -> None:
    assert change({"most": "many", "colour": "red"}, least=2) == {"least": 2}


class Listed(Struct, frozen=True):
    """Secrets without a name."""

    secrets: tuple[SecretText, ...] = ()


class Mixed(Struct, frozen=True):
    """A secret among other types."""

    either: SecretText | int = 0


class Deep(Struct, frozen=True):
    """Secrets inside of a list."""

    providers: list[Provider] = []


class Required(Struct, frozen=True):
    """A field without a default."""

    name: str


@pytest.mark.parametrize(
    ("kind", "options", "sentence"),
    [
        (Listed, {}, "has no name of its own"),
        (Mixed, {}, "has no name of its own"),
        (Deep, {}, "has no name of its own"),
        (Required, {}, "Missing required argument 'name'"),
        (Server, {"public": ("hots",)}, "Server has no field 'hots'"),
        (Server, {"operator": ("hots",)}, "Server has no field 'hots'"),
        (Server, {"public": ("password",)}, "Server.password is secret and cannot be public"),
    ],
)
def test_settings_that_could_not_work_are_refused(kind: type[Struct], options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence):
        SettingsSpec("mail", kind, "Mail", **options)


def test_general_settings_refuse_what_no_page_could_show() -> None:
    wrong = {
        "primary_colour": "#ABCDEF",
        "logo_url": "javascript:alert(1)",
        "support_email": "nobody",
        "locale": "english",
    }
    with pytest.raises(Invalid) as refused:
        changed(GENERAL, {}, wrong, SECRETS)
    assert [error.field for error in refused.value.errors] == [f"general.{name}" for name in wrong]
    for field, value in (("locale", "fr"), ("timezone", "Mars/Base")):
        with pytest.raises(Invalid) as refused:
            changed(GENERAL, {}, {field: value}, SECRETS)
        assert [error.field for error in refused.value.errors] == [f"general.{field}"]


@pytest.mark.parametrize("url", ["https://cdn.test/logo.png", "/media/logo.png", ""])
def test_logo_is_an_https_address_or_a_path(url: str) -> None:
    stored = changed(GENERAL, {}, {"logo_url": url}, SECRETS)

    assert read(GENERAL, GeneralSettings, stored, SECRETS) == (GeneralSettings(logo_url=url), [])


@pytest.mark.parametrize(
    "url", ["http://cdn.test/x", "//cdn.test/x", "/\\cdn.test", 'https://x.test/"onload=', "x.png"]
)
def test_logo_is_nothing_else(url: str) -> None:
    with pytest.raises(Invalid):
        changed(GENERAL, {}, {"logo_url": url}, SECRETS)
