"""A provider on loopback that speaks the protocol and lies as a test tells it: what no real provider would answer."""

import asyncio
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from joserfc.jwk import RSAKey

from tests.local_http import Asked, LocalServer, answer, local_server

CLIENT_ID = "collegium"
Signer = Callable[[Mapping[str, Any], Mapping[str, Any]], str]


@cache
def rsa_key(kid: str) -> RSAKey:
    """Return a key of this name, the same one for the whole run."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})


def token(header: Mapping[str, Any], claims: Mapping[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """Return a token, whatever stands in it: libraries refuse to make what a liar makes."""
    content = b".".join(urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims))
    return b".".join([content, urlsafe_b64encode(sign(content)).rstrip(b"=")]).decode()


def rsa_token(
    header: Mapping[str, Any],
    claims: Mapping[str, Any],
    key: RSAKey | None = None,
    digest: type[HashAlgorithm] = SHA256,
) -> str:
    """Return a token that is signed by an RSA key, the forger's own unless another is given."""
    private = (key or rsa_key("one")).private_key
    assert private is not None
    return token(header, claims, lambda content: private.sign(content, PKCS1v15(), digest()))


class Forger:
    """What the provider answers; a test changes it. Values of None leave a field out."""

    def __init__(self, server: LocalServer) -> None:
        self.server = server
        self.issuer = server.origin
        self.nonce = ""
        self.nonces: dict[str, str] = {}
        """By code, where several sign-ins are under way."""
        self.keys: list[Any] = [rsa_key("one").as_dict(private=False)]
        self.metadata: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.reply: dict[str, Any] = {}
        self.userinfo: Any = None
        self.emails: Any = None
        self.status: dict[str, int] = {}
        self.signer: Signer = rsa_token

    def asked_for(self, path: str) -> list[Asked]:
        """Return the requests for a path."""
        return [each for each in self.server.asked if each.target == path]

    def form(self) -> dict[str, str]:
        """Return the only code exchange."""
        (asked,) = self.asked_for("/token")
        return {name: value for name, (value,) in parse_qs(asked.body.decode()).items()}

    def body(self, path: str) -> Any:
        """Return what stands at a path."""
        if path == "/.well-known/openid-configuration":
            return _laid_over(
                {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/jwks",
                    "userinfo_endpoint": f"{self.issuer}/userinfo",
                },
                self.metadata,
            )
        if path == "/jwks":
            return {"keys": self.keys}
        if path == "/token":
            return _laid_over({"access_token": "an access token", "id_token": self.id_token()}, self.reply)
        return {"/userinfo": self.userinfo, "/emails": self.emails}.get(path)

    def id_token(self) -> str:
        """Return a token that is right but for what the test changed."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "somebody",
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 60,
            "nonce": self.nonce,
            "email": "somebody@forged.example",
            "email_verified": True,
        }
        header = {"alg": "RS256", "kid": "one"}
        return self.signer(_laid_over(header, self.header), _laid_over(claims, self.claims))


def _laid_over(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**values, **changes}.items() if value is not None}


@asynccontextmanager
async def forging() -> AsyncIterator[Forger]:
    """Run a forger as long as the block lasts."""

    async def respond(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.target == "/token" and forger.nonces:
            forger.nonce = forger.nonces[parse_qs(asked.body.decode())["code"][0]]
        body = forger.body(asked.target)
        status = forger.status.get(asked.target, 200 if body is not None else 404)
        await answer(writer, json.dumps(body).encode(), status=status, headers={"Content-Type": "application/json"})

    async with local_server(respond) as server:
        forger = Forger(server)
        yield forger
