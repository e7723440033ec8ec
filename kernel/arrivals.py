"""How a request came in: from which address, to which host, with which credential and from which page.

What is made of it is decided at the door (`kernel.door`).
"""

import ipaddress
import re
from http.cookies import CookieError, SimpleCookie

from litestar.types import Scope

from kernel.deployment import Deployment
from kernel.errors import Forbidden

ACCESS_COOKIE = "collegium_access"
_PORT = re.compile(r":\d*$")


class ForeignOrigin(Forbidden):
    """A browser sent an unsafe request from another site."""

    code = "kernel.foreign_origin"
    title = "This request came from another site."


def access_cookie_name(*, secure: bool) -> str:
    """Return the name of the cookie with the access token; `__Host-` wherever the browser sees https."""
    return f"__Host-{ACCESS_COOKIE}" if secure else ACCESS_COOKIE


class Arrival:
    """The headers of a request that the door looks at, read in one pass."""

    def __init__(self, scope: Scope, deployment: Deployment) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        self._headers = headers
        self.address = (scope.get("client") or ("", 0))[0]
        self.scheme: str = scope["scheme"]
        trusted = self.address in deployment.settings.trusted_proxies
        if trusted:
            self._believe_proxy(deployment.settings.trusted_proxies)
        self.host = self.text(b"host").lower()
        self.slug = self.text(deployment.settings.tenant_header.lower().encode()) if trusted else ""
        self.agent = self.text(b"user-agent")

    @property
    def hostname(self) -> str:
        """The host without a port: a tenant is at home at a name, whichever port leads there."""
        return _PORT.sub("", self.host).removesuffix(".")

    @property
    def line(self) -> str:
        """By what callers from this address are counted: of IPv6 the /64, as each line has as many as it likes."""
        return _line_of(self.address)

    @property
    def is_secure(self) -> bool:
        """Whether the browser sees https."""
        return self.scheme == "https"

    def text(self, name: bytes) -> str:
        """Return a header's text, or an empty one."""
        value = self._headers.get(name) if name else None
        return value.decode("latin-1") if value is not None else ""

    def _believe_proxy(self, trusted: tuple[str, ...]) -> None:
        if self.text(b"x-forwarded-proto") in ("http", "https"):
            self.scheme = self.text(b"x-forwarded-proto")
        # From the right: each trusted proxy added the address that it saw; the first other one is the client.
        for hop in reversed(self.text(b"x-forwarded-for").split(",")):
            try:
                self.address = str(ipaddress.ip_address(hop.strip()))
            except ValueError:
                return
            if self.address not in trusted:
                return

    def bearer(self) -> str:
        """Return the token of the Authorization header."""
        scheme, _, token = self.text(b"authorization").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    def forget_cookies(self) -> None:
        """Look at no cookie any more."""
        self._headers.pop(b"cookie", None)

    def cookie(self, name: str) -> str:
        """Return a cookie's value."""
        if not (raw := self.text(b"cookie")) or name not in raw:
            return ""
        try:
            morsel = SimpleCookie(raw).get(name)
        except CookieError:
            return ""
        return morsel.value if morsel else ""

    @property
    def foreign_origin(self) -> str:
        """Where the page comes from that asks, if it is none of this host."""
        origin = self.text(b"origin")
        return "" if origin == f"{self.scheme}://{self.host}" else origin

    def check_origin(self) -> None:
        """Refuse an unsafe request that a browser sent from elsewhere; same-site counts as elsewhere (rule 19)."""
        if self.foreign_origin:
            raise ForeignOrigin
        if self.text(b"sec-fetch-site") not in ("", "same-origin", "none"):
            raise ForeignOrigin


def _line_of(address: str) -> str:
    if ":" not in address:
        return address
    try:
        found = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(found.ipv4_mapped or ipaddress.IPv6Network((found, 64), strict=False))
