"""Signed tokens (JWT) of one kind each: its own `typ`, its own key, one algorithm (RFC 8725, RFC 9068).

What an access token says is `kernel.auth`. A plugin that sends something out and wants to recognise it later makes a
kind of its own: no kind is ever taken for another.
"""

from collections.abc import Mapping
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey, OKPKey
from joserfc.jws import JWSRegistry

from kernel import clock
from kernel.keys import Keyring

Algorithm = Literal["HS256", "EdDSA"]
ISSUER = "collegium"


class TokenInvalid(ValueError):
    """A token is not one of this kind, not ours, or its time is over."""


class SignedTokens:
    """Makes and reads the tokens of one kind.

    Args:
        keyring: Signs with its newest key; older ones go on being believed.
        purpose: Which derived key; no two kinds and no two algorithms share one.
        typ: What the header says the token is.
        algorithm: The only one that is believed, whatever a header says.
    """

    def __init__(self, keyring: Keyring, purpose: str, typ: str, *, algorithm: Algorithm = "HS256") -> None:
        self._typ = typ
        # RFC 9864 gives the curve its own name, and forbids the one that leaves it open.
        self._algorithm = "HS256" if algorithm == "HS256" else "Ed25519"
        self._by_kid: dict[str, OctKey | OKPKey] = {
            key.kid: OctKey.import_key(key.key)
            if algorithm == "HS256"
            else OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(key.key))
            for key in keyring.derive(purpose)
        }
        self._newest = keyring.newest_kid
        self._registry = JWSRegistry(algorithms=[self._algorithm])
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(clock.now().timestamp()),
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": ISSUER},
            exp={"essential": True},
        )

    def sign(self, claims: Mapping[str, Any], ttl_s: int) -> str:
        """Return a token that says this and counts for so many seconds."""
        issued = int(clock.now().timestamp())
        complete = {"iss": ISSUER, "aud": ISSUER, **claims, "iat": issued, "exp": issued + ttl_s}
        header = {"alg": self._algorithm, "typ": self._typ, "kid": self._newest}
        return jwt.encode(header, complete, self._by_kid[self._newest], registry=self._registry)

    def read(self, token: str) -> dict[str, Any]:
        """Return what a token says.

        Raises:
            TokenInvalid: Wrong signature, type, key, issuer or audience, or expired.
        """
        try:
            decoded = jwt.decode(token, self._key_of, registry=self._registry)
            self._claims.validate(decoded.claims)
        except (JoseError, ValueError, TypeError) as error:
            raise TokenInvalid from error
        if decoded.header.get("typ") != self._typ:
            raise TokenInvalid("the token is of another kind")
        return decoded.claims

    def _key_of(self, guest: Any) -> OctKey | OKPKey:
        key = self._by_kid.get(str(guest.headers().get("kid", "")))
        if key is None:
            raise TokenInvalid("the token's key is no longer in use")
        return key
