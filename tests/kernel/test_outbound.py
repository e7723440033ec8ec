"""Fetching what somebody chose (T11): which addresses are refused, and what a hostile server can do at most."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import Mock

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from kernel import outbound
from kernel.deployment import Deployment
from kernel.errors import DomainError
from kernel.outbound import OutboundFailed, OutboundRefused, fetch, is_public, resolve_public
from kernel.settings import Settings
from tests.local_http import Asked, LocalServer, answer, local_server

NAME = "idp.example"


def allowing(*entries: str) -> Deployment:
    """Return a deployment as far as fetching looks at it."""
    deployment: Deployment = Mock(spec=Deployment, settings=Settings(outbound_allow=entries))
    return deployment


LOCAL = allowing("127.0.0.1")
NOTHING = allowing()


async def hello(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    await answer(writer, b"hello", headers={"X-Kind": "greeting", "Set-Cookie": "a=b"})


async def refusal_of(fetching: Awaitable[Any]) -> tuple[type[DomainError], str]:
    with pytest.raises(DomainError) as refused:
        await fetching
    return type(refused.value), refused.value.detail


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Names of the test's own resolver: each look-up takes the next list of addresses, and the last one stays."""
    table: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *arguments: Any, **options: Any) -> Any:
        answers = table.get(host.lower().removesuffix("."))
        if answers is None:
            return real(host, port, *arguments, **options)
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return table


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.31.0.1", "192.168.1.1", "100.100.100.200"),
        *("169.254.169.254", "168.63.129.16", "192.0.0.192", "192.88.99.1", "198.18.0.1", "224.0.0.1", "240.0.0.1"),
        *("255.255.255.255", "::", "::1", "fe80::1", "fe80::1%1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::7f00:1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"),
        *("2002:7f00:1::", "2001:0:7f00:1::", "2001:db8::1", "3fff::1", "100::1"),
    ],
)
def test_an_address_that_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "2606:4700::1111", "64:ff9b::808:808"])
def test_an_address_that_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "localhost.", "2130706433", "0177.0.0.1", "0x7f.1", "127.1", "0", "[::1]"),
        *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::7f00:1]", "[64:ff9b::7f00:1]", "①②⑦.⓪.⓪.①"),
    ],
)
async def test_loopback_is_refused_however_it_is_written(host: str) -> None:
    async with local_server(hello) as server:
        kind, detail = await refusal_of(fetch(NOTHING, f"https://{host}:{server.port}/"))

        # A host that Python's resolver or httpx does not understand is refused before it is resolved.
        assert (kind, server.asked) in ((OutboundRefused, []), (OutboundFailed, [])), detail
        assert "cannot be reached" not in detail


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://8.8.8.8/", "The address must begin with https://."),
        ("ftp://8.8.8.8/", "The address must begin with https://."),
        ("file:///etc/passwd", "The address must begin with https://."),
        ("//8.8.8.8/", "The address must begin with https://."),
        ("https:///path", "The address must begin with https://."),
        ("https://somebody:secret@8.8.8.8/", "The address must not hold a name and password."),
        ("https://8.8.8.8:99999/", "The address is not a valid URL."),
        ("https://a\x00b/", "The address is not a valid URL."),
        ("https://169.254.169.254/latest/meta-data", "169.254.169.254 is not a public server."),
        ("http://169.254.169.254/latest/meta-data", "The address must begin with https://."),
    ],
)
async def test_an_address_is_refused_with_a_sentence(url: str, sentence: str) -> None:
    assert await refusal_of(fetch(NOTHING, url)) == (OutboundRefused, sentence)


async def test_a_name_with_one_private_address_is_refused(names: dict[str, list[list[str]]]) -> None:
    names[NAME] = [["8.8.8.8", "10.0.0.1"]]

    assert await refusal_of(fetch(LOCAL, f"https://{NAME}/")) == (OutboundRefused, f"{NAME} is not a public server.")
    assert await refusal_of(resolve_public(LOCAL, NAME, 25)) == (OutboundRefused, f"{NAME} is not a public server.")


async def test_a_host_for_other_protocols_becomes_the_address_to_connect_to(names: dict[str, list[list[str]]]) -> None:
    names[NAME] = [["8.8.8.8", "8.8.4.4"]]
    names["intra"] = [["10.0.0.1"]]

    assert await resolve_public(NOTHING, NAME, 587) == ("8.8.8.8", 587)
    assert await resolve_public(allowing("intra"), "INTRA.", 25) == ("10.0.0.1", 25)
    assert await resolve_public(allowing("10.0.0.0/8"), "intra", 25) == ("10.0.0.1", 25)


async def test_an_unknown_name_is_said() -> None:
    expected = (OutboundFailed, "There is no server with the name nobody.invalid.")

    assert await refusal_of(fetch(NOTHING, "https://nobody.invalid/")) == expected
    assert await refusal_of(resolve_public(NOTHING, "nobody.invalid", 25)) == expected


async def test_an_allowed_server_is_asked_exactly_that() -> None:
    async with local_server(hello) as server:
        got = await fetch(LOCAL, f"{server.origin}/a?b=c#d", method="POST", headers={"X-Mine": "1"}, content=b"{}")
        again = await fetch(LOCAL, f"{server.origin}/again")

    assert (got.status, got.headers["x-kind"], got.body, again.status) == (200, "greeting", b"hello", 200)
    first, second = server.asked
    assert (first.method, first.target, first.body) == ("POST", "/a?b=c", b"{}")
    assert (first.headers["host"], first.headers["x-mine"]) == (f"127.0.0.1:{server.port}", "1")
    assert "cookie" not in second.headers


async def test_an_allowed_server_by_ipv6() -> None:
    async with local_server(hello, address="::1") as server:
        assert (await fetch(allowing("::1"), f"{server.origin}/")).body == b"hello"
        assert server.asked[0].headers["host"] == f"[::1]:{server.port}"


async def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with local_server(hello) as proxy, local_server(hello) as server:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.origin)
        await fetch(LOCAL, server.origin)

    assert (len(server.asked), proxy.asked) == (1, [])


async def test_a_redirect_is_not_followed() -> None:
    async def elsewhere(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        await answer(writer, status=302, headers={"Location": inner.origin})

    async with local_server(hello) as inner, local_server(elsewhere) as outer:
        got = await fetch(LOCAL, outer.origin)

    assert (got.status, inner.asked) == (302, [])


async def test_a_resolver_that_changes_its_mind_changes_nothing(names: dict[str, list[list[str]]]) -> None:
    """The first answer is judged and used; the second one, an address inside, is never asked for."""
    async with (
        local_server(hello) as outer,
        local_server(hello, address="127.0.0.2", port=outer.port) as inner,
    ):
        names[NAME] = [["127.0.0.1"], ["127.0.0.2"]]
        assert (await fetch(LOCAL, f"http://{NAME}:{outer.port}/")).status == 200
        assert len(names[NAME]) == 1, "the name was resolved once"
        assert await refusal_of(fetch(LOCAL, f"https://{NAME}:{outer.port}/")) == (
            OutboundRefused,
            f"{NAME} is not a public server.",
        )

    assert (len(outer.asked), inner.asked) == (1, [])


async def silence(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def drops(_asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("slow", [silence, drops])
async def test_a_slow_server_is_given_up(slow: Callable[..., Awaitable[None]], monkeypatch: pytest.MonkeyPatch) -> None:
    outbound._trusted()  # reading the authorities takes a while, the first time
    monkeypatch.setattr(outbound, "WAIT_S", 0.5)
    async with local_server(slow) as server:
        kind, detail = await refusal_of(fetch(LOCAL, server.origin))

    assert (kind, detail) == (OutboundFailed, "127.0.0.1 did not answer within 0.5 seconds.")
    assert len(server.asked) == 1


async def test_a_name_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(10) and [])
    monkeypatch.setattr(outbound, "WAIT_S", 0.1)
    try:
        expected = (OutboundFailed, f"The name {NAME} could not be resolved within 0.1 seconds.")
        assert await refusal_of(resolve_public(NOTHING, NAME, 25)) == expected
    finally:
        answered.set()


async def test_a_body_without_end_is_cut_off() -> None:
    async def endless(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    async with local_server(endless) as server:
        assert await refusal_of(fetch(LOCAL, server.origin)) == (
            OutboundFailed,
            "127.0.0.1 answered with more than 1 MB.",
        )


async def test_a_compressed_answer_is_not_unpacked() -> None:
    async def bomb(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        await answer(writer, b"\x1f\x8b", headers={"Content-Encoding": "gzip"})

    async with local_server(bomb) as server:
        kind, detail = await refusal_of(fetch(LOCAL, server.origin))

    assert (kind, detail) == (OutboundFailed, "127.0.0.1 answered compressed, although it was asked not to.")
    assert server.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("nonsense", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"])
async def test_an_answer_that_is_none(nonsense: bytes) -> None:
    async def broken(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(nonsense)
        await writer.drain()

    async with local_server(broken) as server:
        expected = (OutboundFailed, "127.0.0.1 cannot be reached, or broke off.")
        assert await refusal_of(fetch(LOCAL, server.origin)) == expected


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """What a server at NAME presents; this machine trusts who signed it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    moment = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - timedelta(days=1))
        .not_valid_after(moment + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    (tmp_path / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    outbound._trusted.cache_clear()
    yield context
    outbound._trusted.cache_clear()


async def test_the_certificate_is_checked_against_the_name(
    certified: ssl.SSLContext, names: dict[str, list[list[str]]]
) -> None:
    names[NAME] = names["other.example"] = [["127.0.0.1"]]
    asked_for: list[str | None] = []
    certified.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    async with local_server(hello, tls=certified) as server:
        got = await fetch(LOCAL, f"https://{NAME}:{server.port}/")
        kind, detail = await refusal_of(fetch(LOCAL, f"https://other.example:{server.port}/"))

    assert (got.body, server.asked[0].headers["host"]) == (b"hello", f"{NAME}:{server.port}")
    assert asked_for == [NAME, "other.example"]
    assert kind is OutboundFailed
    assert detail.startswith("The certificate of other.example is not valid: ")
    assert len(server.asked) == 1, "nothing was sent to who could not prove to be the one"


async def test_a_certificate_of_a_stranger_is_refused(
    certified: ssl.SSLContext, names: dict[str, list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    names[NAME] = [["127.0.0.1"]]
    server: LocalServer
    async with local_server(hello, tls=certified) as server:
        kind, detail = await refusal_of(fetch(LOCAL, f"https://{NAME}:{server.port}/"))

    assert (kind, server.asked) == (OutboundFailed, [])
    assert detail.startswith(f"The certificate of {NAME} is not valid: self")
