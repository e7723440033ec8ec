"""The two conversations of a sign-in: where a person is sent, and what the code that comes back is worth."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from msgspec import Struct

from kernel.db import Db
from plugins.auth.federation.assertions import Assertion, assertion_of
from plugins.auth.federation.id_tokens import verified_claims
from plugins.auth.federation.metadata import metadata_of
from plugins.auth.federation.replies import ask, distrusted
from plugins.auth.settings import Provider


class Proofs(Struct, frozen=True):
    """What only this sign-in knows: the provider must bind its answer to them."""

    nonce: str
    code_verifier: str
    redirect_uri: str


class _TokenReply(Struct, frozen=True):
    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - a scheme, no password
    id_token: str = ""


class _ListedEmail(Struct, frozen=True):
    email: str
    primary: bool = False
    verified: bool = False


async def authorization_url(db: Db, provider: Provider, proofs: Proofs, *, state: str) -> str:
    """Return where a person signs in with a provider.

    Raises:
        ProviderUnavailable: And its like: an OpenID provider does not say where that is.
    """
    is_oidc = provider.kind == "oidc"
    endpoint = (await metadata_of(db, provider)).authorization_endpoint if is_oidc else provider.authorize_url
    url: str = prepare_grant_uri(
        endpoint,
        client_id=provider.client_id,
        response_type="code",
        redirect_uri=proofs.redirect_uri,
        scope=list(provider.scopes),
        state=state,
        nonce=proofs.nonce if is_oidc else None,
        code_challenge=create_s256_code_challenge(proofs.code_verifier),
        code_challenge_method="S256",
    )
    return url


async def assertion_for_code(db: Db, provider: Provider, proofs: Proofs, *, code: str, issuer: str) -> Assertion:
    """Return who a provider says that somebody is, for the code that it sent them back with.

    Args:
        db: Without a transaction: two or three servers are asked.
        provider: Whom the sign-in was begun with.
        proofs: Of this sign-in.
        code: From the callback.
        issuer: Who the callback says that it comes from (RFC 9207); may be empty.

    Raises:
        ProviderUnavailable: It does not answer.
        ProviderDistrusted: What it says proves nothing.
    """
    if provider.kind == "oidc":
        claims = await _openid_claims(db, provider, proofs, code, issuer)
    else:
        claims = await _plain_claims(db, provider, proofs, code, issuer)
    assertion = assertion_of(provider, claims)
    if assertion is None:
        raise distrusted(db, "it does not say who it is", authority=provider.authority)
    return assertion


async def _openid_claims(db: Db, provider: Provider, proofs: Proofs, code: str, issuer: str) -> Mapping[str, Any]:
    metadata = await metadata_of(db, provider)
    if issuer != metadata.issuer and (issuer or metadata.authorization_response_iss_parameter_supported):
        raise distrusted(db, "the answer comes from another issuer", expected=metadata.issuer)
    reply = await _exchange(db, provider, metadata.token_endpoint, proofs, code)
    claims = await verified_claims(
        db,
        metadata,
        reply.id_token,
        client_id=provider.client_id,
        nonce=proofs.nonce,
        access_token=reply.access_token,
    )
    if provider.claims.email in claims or not metadata.userinfo_endpoint:
        return claims
    told = await _userinfo(db, metadata.userinfo_endpoint, reply)
    if told.get("sub") != claims["sub"]:
        raise distrusted(db, "ID token and userinfo speak of two people", issuer=metadata.issuer)
    return {**told, **claims}


async def _plain_claims(db: Db, provider: Provider, proofs: Proofs, code: str, issuer: str) -> Mapping[str, Any]:
    if issuer and issuer != provider.issuer:
        raise distrusted(db, "the answer comes from another issuer", expected=provider.issuer)
    reply = await _exchange(db, provider, provider.token_url, proofs, code)
    claims = await _userinfo(db, provider.userinfo_url, reply)
    if not provider.emails_url:
        return claims
    listed = await ask(db, provider.emails_url, list[_ListedEmail], headers=_bearer(reply))
    primary = next((each for each in listed if each.primary), None)
    names = provider.claims
    if primary is None:
        return {**claims, names.email_verified: False}
    return {**claims, names.email: primary.email, names.email_verified: primary.verified}


async def _exchange(db: Db, provider: Provider, url: str, proofs: Proofs, code: str) -> _TokenReply:
    body = prepare_token_request(
        "authorization_code", code=code, redirect_uri=proofs.redirect_uri, code_verifier=proofs.code_verifier
    )
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    url, headers, body = _client_auth(provider).prepare("POST", url, headers, body)
    reply = await ask(db, url, _TokenReply, method="POST", headers=headers, content=body.encode())
    if reply.token_type.lower() != "bearer":
        raise distrusted(db, "its access token is of an unknown type", authority=provider.authority)
    return reply


def _client_auth(provider: Provider) -> ClientAuth:
    if not provider.client_secret:
        return ClientAuth(provider.client_id, "", "none")
    if provider.client_auth == "post":
        return ClientAuth(provider.client_id, provider.client_secret, "client_secret_post")
    # Both are form-encoded inside the header (RFC 6749, 2.3.1), which Authlib leaves to us.
    names = quote_plus(provider.client_id), quote_plus(provider.client_secret)
    return ClientAuth(*names, "client_secret_basic")


async def _userinfo(db: Db, url: str, reply: _TokenReply) -> dict[str, Any]:
    return await ask(db, url, dict[str, Any], headers=_bearer(reply))


def _bearer(reply: _TokenReply) -> dict[str, str]:
    return {"Authorization": f"Bearer {reply.access_token}"}
