"""Which addresses may be fetched for a user or a tenant's administrator, and the one way to fetch them (rule 37).

A name is resolved once, every address that it has is judged, and the connection goes to the very address that was
judged: a resolver that answers differently the second time is not asked a second time. What the deployment itself is
configured with (database, Redis, storage) does not pass here.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import httpx
from msgspec import Struct

from kernel.deployment import Deployment
from kernel.errors import Invalid, Unavailable
from kernel.plugin import KERNEL_VERSION

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

WAIT_S = 5
MOST_BYTES = 1_000_000

# Written out, because what Python's own is_global says differs from version to version.
_CLOSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by a provider's customers; also one cloud's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's metadata at a public address
        "169.254.0.0/16",  # link-local, metadata of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4, which wraps any IPv4 address
        "3fff::/20",
    )
)
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
# On networks without IPv4 every IPv4 address looks so; any other wrapping lies outside 2000::/3.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

# Of their own, so that slow name servers hold up no other work of the process; many, so that those of one tenant do not
# soon hold up the others' look-ups.
_resolvers = ThreadPoolExecutor(32, thread_name_prefix="resolver")


class OutboundRefused(Invalid):
    """The address is not one that may be fetched; repeating it cannot succeed."""

    code = "kernel.outbound_refused"
    title = "This address may not be fetched."


class OutboundFailed(Unavailable):
    """The other server does not answer, or not as it should."""

    code = "kernel.outbound_failed"
    title = "Another server does not answer. Try again in a moment."


class Answer(Struct, frozen=True):
    """What the other server answered; names of headers are in lower case. A redirect is an answer, not followed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def fetch(
    deployment: Deployment,
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> Answer:
    """Fetch an address that somebody chose: https, a public server, no redirects, 5 s, 1 MB, no cookies, no proxy.

    Hosts and networks in the setting `outbound_allow` may be private and answer by http. Hold no database connection
    meanwhile.

    Raises:
        OutboundRefused: The address is wrong or not public.
        OutboundFailed: No answer in time, a broken or compressed one, or one that is too large.
    """
    target = _parse(url)
    host = target.raw_host.decode()
    try:
        async with asyncio.timeout(WAIT_S):
            address = await _judged_address(deployment, host, _port_of(target), plain=target.scheme == "http")
            return await _exchange(target, address, method, headers or {}, content)
    except TimeoutError:
        raise OutboundFailed(f"{host} did not answer within {WAIT_S} seconds.") from None
    except (httpx.HTTPError, OSError, UnicodeError) as error:
        raise OutboundFailed(_what_failed(host, error)) from error


async def resolve_public(deployment: Deployment, host: str, port: int) -> tuple[str, int]:
    """Return the address to connect to for a host that somebody chose, for protocols other than HTTP.

    Connect to exactly this address, and check the certificate against the name.

    Raises:
        OutboundRefused: The host is not public, nor in the setting `outbound_allow`.
        OutboundFailed: The name cannot be resolved.
    """
    try:
        async with asyncio.timeout(WAIT_S):
            return str(await _judged_address(deployment, host, port, plain=False)), port
    except TimeoutError:
        raise OutboundFailed(f"The name {host} could not be resolved within {WAIT_S} seconds.") from None


def _what_failed(host: str, error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"The certificate of {host} is not valid: {cause.verify_message}."
        cause = cause.__cause__ or cause.__context__
    return f"{host} cannot be reached, or broke off."


def _parse(url: str) -> httpx.URL:
    try:
        target = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise OutboundRefused("The address is not a valid URL.") from None
    if target.scheme not in ("https", "http") or not target.host:
        raise OutboundRefused("The address must begin with https://.")
    if not 0 < _port_of(target) < 65_536:
        raise OutboundRefused("The address is not a valid URL.")
    if target.userinfo:
        raise OutboundRefused("The address must not hold a name and password.")
    return target


def _port_of(target: httpx.URL) -> int:
    if target.port is not None:
        return target.port
    return 443 if target.scheme == "https" else 80


async def _judged_address(deployment: Deployment, host: str, port: int, *, plain: bool) -> IPAddress:
    """Return the first address of a host, once all of its addresses have been judged."""
    addresses = await _resolve(host, port)
    names, networks = _allowed(deployment.settings.outbound_allow)
    if host.lower().removesuffix(".") in names:
        return addresses[0]
    strangers = [each for each in addresses if not _is_in(each, networks)]
    if strangers and plain:
        raise OutboundRefused("The address must begin with https://.")
    if not all(map(is_public, strangers)):
        raise OutboundRefused(f"{host} is not a public server.")
    return addresses[0]


async def _resolve(host: str, port: int) -> list[IPAddress]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.run_in_executor(_resolvers, _look_up, host, port)
    except (OSError, UnicodeError):
        raise OutboundFailed(f"There is no server with the name {host}.") from None
    return [ipaddress.ip_address(each) for each in found]


def _look_up(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@cache
def _allowed(entries: tuple[str, ...]) -> tuple[frozenset[str], Sequence[IPNetwork]]:
    names, networks = set(), []
    for entry in entries:
        try:
            networks.append(ipaddress.ip_network(entry))
        except ValueError:
            names.add(entry.lower())
    return frozenset(names), tuple(networks)


def _is_in(address: IPAddress, networks: Iterable[IPNetwork]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def is_public(address: IPAddress) -> bool:
    """Whether an address belongs to the public internet, whatever it is wrapped in."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
        if address not in _GLOBAL_V6:
            return False
    return not _is_in(address, _CLOSED)


async def _exchange(
    target: httpx.URL, address: IPAddress, method: str, headers: Mapping[str, str], content: bytes | None
) -> Answer:
    sent = {
        "User-Agent": f"Collegium/{KERNEL_VERSION}",
        **headers,
        # A few compressed bytes can become any number of them.
        "Accept-Encoding": "identity",
        "Host": target.netloc.decode(),
    }
    name = target.raw_host.decode().removesuffix(".")
    async with httpx.AsyncClient(verify=_trusted(), trust_env=False, follow_redirects=False, timeout=WAIT_S) as client:
        request = client.build_request(
            method,
            target.copy_with(host=str(address)),
            headers=sent,
            content=content,
            extensions={"sni_hostname": name},
        )
        answer = await client.send(request, stream=True)
        try:
            return await _read(name, answer)
        finally:
            await answer.aclose()


async def _read(name: str, answer: httpx.Response) -> Answer:
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise OutboundFailed(f"{name} answered compressed, although it was asked not to.")
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > MOST_BYTES:
            raise OutboundFailed(f"{name} answered with more than {MOST_BYTES // 1_000_000} MB.")
    return Answer(answer.status_code, dict(answer.headers), bytes(body))


@cache
def _trusted() -> ssl.SSLContext:
    """Return the certificate authorities that count: the well-known ones, and those that this machine trusts."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context
