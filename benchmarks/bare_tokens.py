"""How the bare stack knows who asks: it verifies the access token, at every request."""

from collections.abc import Sequence
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from joserfc.jws import JWSRegistry
from litestar import Request
from litestar.exceptions import NotAuthorizedException

from kernel.keys import Keyring
from kernel.tokens import ISSUER

SET_TENANT = "SELECT set_config('app.tenant', $1, true), set_config('app.actor', $2, true)"
"""For row-level security and the audit log, which both stacks have."""


class Tokens:
    """Verifies what ours issued."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self.keyring = Keyring(secrets)
        self._key = OctKey.import_key(self.keyring.derive("jwt")[0].key)
        self._registry = JWSRegistry(algorithms=["HS256"])
        self._claims = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": ISSUER},
            exp={"essential": True},
        )

    def claims(self, request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Return what the request's token says.

        Raises:
            NotAuthorizedException: There is none, or it is not valid.
        """
        try:
            token = jwt.decode(request.headers["Authorization"][7:], self._key, registry=self._registry)
            self._claims.validate(token.claims)
        except (KeyError, ValueError, JoseError) as error:
            raise NotAuthorizedException from error
        return token.claims
