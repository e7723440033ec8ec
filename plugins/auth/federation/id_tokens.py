"""Whether an ID token proves anything: its signature, algorithm, issuer, audience, nonce and time.

Source: OpenID Connect Core 1.0, section 3.1.3.7.
"""

from collections.abc import Mapping
from typing import Any

from authlib.oidc.core import CodeIDToken
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry, extract_compact

from kernel import clock
from kernel.db import Db
from plugins.auth.federation.metadata import Metadata, verification_key
from plugins.auth.federation.replies import distrusted

# Asymmetric ones alone: with a symmetric one the provider's public key would do as a secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
LEEWAY_S = 60
_REGISTRY = JWSRegistry(algorithms=list(ALGORITHMS))
_BROKEN = (JoseError, UnsupportedAlgorithm, ValueError, TypeError, KeyError, AttributeError, RecursionError)


async def verified_claims(
    db: Db, metadata: Metadata, token: str, *, client_id: str, nonce: str, access_token: str
) -> Mapping[str, Any]:
    """Return the claims of an ID token that was made by this provider, for this client, for this very sign-in.

    Raises:
        ProviderUnavailable: It does not give its keys.
        ProviderDistrusted: Anything is wrong with the token.
    """
    try:
        header = extract_compact(token.encode()).headers()
    except _BROKEN as error:
        raise distrusted(db, "the ID token cannot be read", issuer=metadata.issuer) from error
    if header.get("alg") not in ALGORITHMS:
        raise distrusted(db, "the ID token is not signed as it must be", issuer=metadata.issuer)
    key = await verification_key(db, metadata, header)
    if key is None:
        raise distrusted(db, "the ID token is signed by an unknown key", issuer=metadata.issuer)
    try:
        decoded = jwt.decode(token, key, registry=_REGISTRY)
        _check_claims(decoded, metadata, client_id=client_id, nonce=nonce, access_token=access_token)
    except _BROKEN as error:
        reason = f"the ID token is not valid: {type(error).__name__} {getattr(error, 'claim', '')}".strip()
        raise distrusted(db, reason, issuer=metadata.issuer) from error
    return decoded.claims


def _check_claims(token: jwt.Token, metadata: Metadata, *, client_id: str, nonce: str, access_token: str) -> None:
    claims = CodeIDToken(
        token.claims,
        token.header,
        options={
            "iss": {"essential": True, "value": metadata.issuer},
            "aud": {"essential": True, "value": client_id},
            "sub": {"essential": True},
            "exp": {"essential": True},
            "nonce": {"essential": True, "value": nonce},
        },
        params={"client_id": client_id, "nonce": nonce, "access_token": access_token},
    )
    claims.validate(now=int(clock.now().timestamp()), leeway=LEEWAY_S)
