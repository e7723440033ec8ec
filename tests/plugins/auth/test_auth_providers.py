"""The settings of providers: what could not work, or would let in who should not, is refused with the field's name."""

from typing import Any

import pytest

from kernel.choices import Secrets, changed, shown
from kernel.deployment import Deployment
from kernel.errors import Invalid
from kernel.ids import new_id
from plugins.auth.settings import SETTINGS, AuthSettings, Provider

OIDC = {"issuer": "https://idp.example", "client_id": "us"}
OAUTH2 = {
    "kind": "oauth2",
    "authorize_url": "https://hub.example/authorize",
    "token_url": "https://hub.example/token",
    "userinfo_url": "https://hub.example/user",
    "client_id": "us",
}


def refusals(deployment: Deployment, name: str, provider: dict[str, Any]) -> list[tuple[str, str]]:
    """Return field and sentence of each thing that is wrong with a provider."""
    with pytest.raises(Invalid) as refused:
        changed(SETTINGS, {}, {"providers": {name: provider}}, Secrets(deployment.keyring, new_id()))
    return [(error.field, error.message) for error in refused.value.errors]


@pytest.mark.parametrize(
    ("provider", "sentence"),
    [
        ({"client_id": "us"}, "A provider of kind oidc needs its issuer."),
        ({**OIDC, "scopes": ["email"]}, "The scopes of a provider of kind oidc include openid."),
        ({**OAUTH2, "token_url": ""}, "A provider of kind oauth2 needs authorize_url, token_url and userinfo_url."),
        ({"issuer": "https://idp.example"}, "A provider needs the client_id that it knows this site by."),
        (
            {**OIDC, "create_accounts": True},
            "create_accounts needs trust_email: an account belongs to a verified address.",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(deployment: Deployment, provider: dict[str, Any], sentence: str) -> None:
    ((field, message),) = refusals(deployment, "idp", provider)

    assert (field, message.lower()) == ("auth.providers.idp", sentence.lower())


@pytest.mark.parametrize(
    ("provider", "field"),
    [
        ({**OIDC, "issuer": "javascript:alert(1)"}, "issuer"),
        ({**OIDC, "issuer": "https://idp.example/#x"}, "issuer"),
        ({**OIDC, "issuer": "https://idp example"}, "issuer"),
        ({**OIDC, "kind": "saml"}, "kind"),
        ({**OIDC, "role": "admin"}, "role"),
        ({**OIDC, "scopes": ["openid", "a b"]}, "scopes[1]"),
        ({**OIDC, "allowed_domains": ["@school.example"]}, "allowed_domains[0]"),
        ({**OIDC, "allowed_domains": ["School.example"]}, "allowed_domains[0]"),
        ({**OIDC, "clientid": "us"}, "clientid"),
        ({**OIDC, "claims": {"role": "role"}}, "claims.role"),
    ],
)
def test_a_wrong_value_is_named(deployment: Deployment, provider: dict[str, Any], field: str) -> None:
    assert [name for name, _ in refusals(deployment, "idp", provider)] == [f"auth.providers.idp.{field}"]


@pytest.mark.parametrize("name", ["", "Google", "a/b", "..", "-a", "a-", "a" * 41])
def test_a_name_that_could_stand_in_no_address_is_refused(deployment: Deployment, name: str) -> None:
    assert refusals(deployment, name, OIDC) != []


def test_the_secret_is_stored_encrypted_and_not_shown(deployment: Deployment) -> None:
    secrets = Secrets(deployment.keyring, new_id())
    stored = changed(SETTINGS, {}, {"providers": {"idp": {**OIDC, "client_secret": "of two"}}}, secrets)

    assert "of two" not in str(stored)
    chosen = AuthSettings(
        providers={"idp": Provider(issuer="https://idp.example", client_id="us", client_secret="of two")}
    )
    assert shown(SETTINGS, chosen)["providers"]["idp"]["client_secret"] == "***"
