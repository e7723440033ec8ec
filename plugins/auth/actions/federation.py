"""Signing in by a provider: begun here, finished by its callback (rule 26 of the security design).

What is said to the provider and what its answer proves stands in `auth.federation`; who is let in, in `admission`. An
account is found by what the provider calls its subject, alone; by address only once, to make that link, and only if the
tenant trusts the provider with addresses and it says that this one is verified.
"""

import hashlib
import secrets
from uuid import UUID

import msgspec
from msgspec import Struct

from kernel.auth import Actor
from kernel.db import Db
from plugins.auth.actions import identities
from plugins.auth.actions.addresses import check_address_proved
from plugins.auth.actions.admission import SignedIn, admit
from plugins.auth.actions.new_accounts import add_federated
from plugins.auth.actions.notices import tell
from plugins.auth.actions.reauthentication import confirm_password
from plugins.auth.actions.recovery import prove_address
from plugins.auth.actions.tries import count_try
from plugins.auth.errors import (
    NoAccount,
    OperatorsStayLocal,
    ProviderUnknown,
    SignInDeclined,
    SignInExpired,
)
from plugins.auth.events import RegisteredPerson
from plugins.auth.federation.assertions import Assertion
from plugins.auth.federation.exchange import Proofs, assertion_for_code, authorization_url
from plugins.auth.queries import sessions
from plugins.auth.queries.identities import Account, account_by_email, account_by_id, account_by_subject
from plugins.auth.schemas.identities import LinkRequest, Mode
from plugins.auth.schemas.sessions import MfaRequired
from plugins.auth.security_mails import IDENTITY_LINKED
from plugins.auth.settings import SETTINGS, AuthSettings, Provider

CALLBACK_PATH = "/api/v1/auth/oauth/{}/callback"
PENDING_S = 10 * 60
_TICKET = "auth.federation"


class Linking(Struct, frozen=True):
    """The account that a sign-in shall be linked to, and the session that wished it."""

    user_id: UUID
    session_id: UUID


class PendingSignIn(Struct, frozen=True, kw_only=True):
    """A sign-in that is under way, as it waits for the provider's callback."""

    provider: str
    authority: str
    browser: str
    """A hash of the cookie of the browser that began it."""
    proofs: Proofs
    path: str
    mode: Mode
    linking: Linking | None = None


class Returned(Struct, frozen=True):
    """What a provider sent somebody back with."""

    code: str = ""
    error: str = ""
    issuer: str = ""


async def begin_sign_in(
    db: Db, provider_id: str, *, browser: str, path: str, mode: Mode, linking: Linking | None = None
) -> str:
    """Return the address at the provider where somebody signs in.

    Args:
        db: Nothing may have been written: its connection is given back while the provider is asked.
        provider_id: By whom.
        browser: The secret of the browser's cookie; only with it can the callback be used.
        path: Of this site, to end at.
        mode: How the callback answers.
        linking: Whom to link the provider's word to; None to sign in.

    Raises:
        ProviderUnknown: The tenant has no such provider.
        ProviderUnavailable: And its like: the provider does not say where to go.
    """
    provider = _provider(db, provider_id)
    await db.release()
    proofs = Proofs(
        nonce=secrets.token_urlsafe(32),
        code_verifier=secrets.token_urlsafe(48),
        redirect_uri=db.tenant.url(CALLBACK_PATH.format(provider_id)),
    )
    pending = PendingSignIn(
        provider=provider_id,
        authority=provider.authority,
        browser=_hash(browser),
        proofs=proofs,
        path=path,
        mode=mode,
        linking=linking,
    )
    state = secrets.token_urlsafe(32)
    tickets = db.deployment.tickets
    await tickets.keep(db.tenant_id, _TICKET, _hash(state), msgspec.json.encode(pending), ttl_s=PENDING_S)
    return await authorization_url(db, provider, proofs, state=state)


async def begin_linking(db: Db, actor: Actor, request: LinkRequest, *, browser: str) -> str:
    """Return the address at the provider where one proves who one is there, to be linked to one's account.

    Raises:
        WrongPassword: And its like: linking adds a way in, so it asks again who somebody is.
        OperatorsStayLocal: The actor is an operator.
        EmailNotVerified: The account's address may be somebody else's.
        ProviderUnknown: And its like, as for `begin_sign_in`.
    """
    _provider(db, request.provider)
    if actor.is_operator:
        raise OperatorsStayLocal
    if actor.session_id is None:
        raise SignInExpired
    await confirm_password(db, actor, request.password)
    await check_address_proved(db, actor.id)
    linking = Linking(actor.id, actor.session_id)
    return await begin_sign_in(
        db, request.provider, browser=browser, path=request.next, mode=request.mode, linking=linking
    )


async def take_pending(db: Db, provider_id: str, *, state: str, browser: str) -> PendingSignIn:
    """Return the sign-in that a callback belongs to; it is spent by that, whatever comes of it.

    Raises:
        SignInExpired: There is none, it was begun elsewhere, or with another provider.
    """
    ticket = await db.deployment.tickets.take(db.tenant_id, _TICKET, _hash(state))
    if ticket is None:
        raise SignInExpired
    pending = msgspec.json.decode(ticket, type=PendingSignIn)
    if not secrets.compare_digest(pending.browser, _hash(browser)):
        raise SignInExpired
    if pending.provider != provider_id or pending.authority != _provider(db, provider_id).authority:
        raise SignInExpired
    return pending


async def finish_sign_in(db: Db, pending: PendingSignIn, returned: Returned) -> SignedIn | MfaRequired:
    """Admit whoever the provider says that it is.

    Raises:
        SignInDeclined: The provider sent no code.
        ProviderDistrusted: What it says proves nothing.
        ProviderUnavailable: It does not answer.
        NoAccount: It opens no account here.
        AccountSuspended: And its like, as for every way in.
        RateLimited: Somebody has signed in to this account too often.
    """
    provider, assertion = await _assertion(db, pending, returned)
    account = await _account(db, pending, provider, assertion)
    await count_try(db, account.email, "oauth")
    return await admit(db, account.id, method="oauth")


async def finish_linking(db: Db, pending: PendingSignIn, linking: Linking, returned: Returned) -> None:
    """Link the provider's word to the account that wished it.

    Raises:
        SignInExpired: The session that wished it has ended.
        IdentityTaken: It belongs to another account.
        ProviderDistrusted: And its like, as for `finish_sign_in`.
    """
    provider, assertion = await _assertion(db, pending, returned)
    _check_domain(provider, assertion)
    session = await sessions.session_state(db, linking.session_id)
    if session is None or session.user_id != linking.user_id:
        raise SignInExpired
    if session.is_operator:
        raise OperatorsStayLocal
    if await identities.link(db, linking.user_id, assertion):
        await tell(db, linking.user_id, IDENTITY_LINKED, provider=provider.name or pending.provider)


def _provider(db: Db, provider_id: str) -> Provider:
    provider = db.tenant.setting(SETTINGS, AuthSettings).providers.get(provider_id)
    if provider is None:
        raise ProviderUnknown
    return provider


async def _assertion(db: Db, pending: PendingSignIn, returned: Returned) -> tuple[Provider, Assertion]:
    provider = _provider(db, pending.provider)
    if returned.error or not returned.code:
        raise SignInDeclined
    assertion = await assertion_for_code(db, provider, pending.proofs, code=returned.code, issuer=returned.issuer)
    return provider, assertion


async def _account(db: Db, pending: PendingSignIn, provider: Provider, assertion: Assertion) -> Account:
    """Return the account that a provider's word opens, linked or made if the tenant wants that."""
    _check_domain(provider, assertion)
    account = await account_by_subject(db, authority=assertion.authority, subject=assertion.subject)
    if account is None:
        account = await _account_by_email(db, provider, assertion)
        if await identities.link(db, account.id, assertion) and not account.is_unused:
            await tell(db, account.id, IDENTITY_LINKED, provider=provider.name or pending.provider)
    elif account.is_operator:
        raise NoAccount
    return account


async def _account_by_email(db: Db, provider: Provider, assertion: Assertion) -> Account:
    email = assertion.verified_email if provider.trust_email else None
    if email is None:
        raise NoAccount
    account = await account_by_email(db, email)
    if account is None and provider.create_accounts:
        person = RegisteredPerson(email, assertion.first_name, assertion.last_name)
        made = await add_federated(db, person, role=provider.role)
        # Nothing was made if somebody else has just taken the address.
        account = await account_by_id(db, made) if made else await account_by_email(db, email)
    if account is None or account.is_operator:
        raise NoAccount
    if not account.email_verified:
        # Whoever made an account for an address that is not theirs must not meet its owner in it.
        if not account.is_unused:
            raise NoAccount
        await prove_address(db, account.id, account.email)
    return account


def _check_domain(provider: Provider, assertion: Assertion) -> None:
    domain = (assertion.verified_email or "").rpartition("@")[2]
    if provider.allowed_domains and domain not in provider.allowed_domains:
        raise NoAccount


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
