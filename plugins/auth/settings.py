"""What a tenant decides about signing in and registering."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from kernel.settings import Destination, SecretText, SettingsSpec

ProviderId = Annotated[str, Meta(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$")]
Url = Annotated[str, Meta(max_length=500, pattern=r"^$|^https?://[^\s\"'<>\\#]+$")]
SecretUrl = Annotated[Destination, Meta(max_length=500, pattern=r"^$|^https?://[^\s\"'<>\\#]+$")]
ClaimName = Annotated[str, Meta(min_length=1, max_length=100)]
Scope = Annotated[str, Meta(max_length=200, pattern=r"^[!#-\[\]-~]+$")]
Domain = Annotated[str, Meta(max_length=253, pattern=r"^[a-z0-9.-]+\.[a-z0-9-]+$")]


class PasswordPolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """Which characters a new password needs; that common and personal ones are refused is not for choice."""

    min_length: Annotated[int, Meta(ge=8, le=64, title="Length", description="The fewest characters.")] = 8
    require_uppercase: Annotated[bool, Meta(title="Capital letter", description="A capital letter is needed.")] = True
    require_lowercase: Annotated[bool, Meta(title="Small letter", description="A small letter is needed.")] = True
    require_number: Annotated[bool, Meta(title="Digit", description="A digit is needed.")] = True
    require_special: Annotated[
        bool, Meta(title="Special character", description="A special character is needed, such as ! or -.")
    ] = True


class ClaimNames(Struct, frozen=True, forbid_unknown_fields=True):
    """Under which names a provider says who somebody is."""

    subject: Annotated[ClaimName, Meta(title="Who", description="Who it is, for good.")] = "sub"
    email: Annotated[ClaimName, Meta(title="Address", description="The address.")] = "email"
    email_verified: Annotated[
        ClaimName, Meta(title="Verified address", description="Whether it has verified the address.")
    ] = "email_verified"
    first_name: Annotated[ClaimName, Meta(title="First name", description="The first name.")] = "given_name"
    last_name: Annotated[ClaimName, Meta(title="Last name", description="The last name.")] = "family_name"
    name: Annotated[
        ClaimName, Meta(title="Name", description="Both names in one, where it does not tell them apart.")
    ] = "name"


class Provider(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody else who says who a person is: by OpenID Connect, or by OAuth 2 and an address that tells the user."""

    name: Annotated[
        str, Meta(max_length=100, title="Name", description="As people know it: Google, Your school account.")
    ] = ""
    kind: Annotated[Literal["oidc", "oauth2"], Meta(title="Kind", description="OpenID Connect, or plain OAuth 2.")] = (
        "oidc"
    )
    issuer: Annotated[
        SecretUrl, Meta(title="Issuer", description="Of OpenID Connect: exactly as the provider itself writes it.")
    ] = ""
    authorize_url: Annotated[
        Url, Meta(title="Sign-in address", description="Of plain OAuth 2: where people sign in.")
    ] = ""
    token_url: Annotated[
        SecretUrl, Meta(title="Token address", description="Of plain OAuth 2: where the code is exchanged.")
    ] = ""
    userinfo_url: Annotated[
        Url, Meta(title="User address", description="Of plain OAuth 2: where it says who the user is.")
    ] = ""
    emails_url: Annotated[
        Url,
        Meta(title="E-mail address list", description="Of plain OAuth 2: where GitHub and its like list addresses."),
    ] = ""
    client_id: Annotated[
        str, Meta(max_length=500, title="Client ID", description="The name by which it knows this site.")
    ] = ""
    client_secret: Annotated[
        SecretText, Meta(title="Client secret", description="What it gave to this site with that name.")
    ] = ""
    client_auth: Annotated[
        Literal["basic", "post"],
        Meta(title="How the secret is sent", description="How the secret is sent: in a header, or in the body."),
    ] = "basic"
    scopes: Annotated[
        tuple[Scope, ...], Meta(max_length=30, title="Scopes", description="What it is asked to tell.")
    ] = (
        "openid",
        "email",
        "profile",
    )
    claims: Annotated[ClaimNames, Meta(title="Claims", description="Under which names it says who somebody is.")] = (
        ClaimNames()
    )
    trust_email: Annotated[
        bool,
        Meta(
            title="Trust its addresses",
            description="An address that it calls verified opens the account that has it here.",
        ),
    ] = False
    create_accounts: Annotated[
        bool, Meta(title="Make accounts", description="Who has no account here gets one; needs trust_email.")
    ] = False
    role: Annotated[
        Literal["student", "instructor"], Meta(title="Role", description="Of accounts that are made so.")
    ] = "student"
    allowed_domains: Annotated[
        tuple[Domain, ...],
        Meta(
            max_length=100,
            title="Only these domains",
            description="If any: only people with a verified address in one.",
        ),
    ] = ()

    def __post_init__(self) -> None:
        """Refuse what could not work, or would let in who should not."""
        if self.kind == "oidc" and not self.issuer:
            raise ValueError("a provider of kind oidc needs its issuer")
        if self.kind == "oidc" and "openid" not in self.scopes:
            raise ValueError("the scopes of a provider of kind oidc include openid")
        if self.kind == "oauth2" and not (self.authorize_url and self.token_url and self.userinfo_url):
            raise ValueError("a provider of kind oauth2 needs authorize_url, token_url and userinfo_url")
        if not self.client_id:
            raise ValueError("a provider needs the client_id that it knows this site by")
        if self.create_accounts and not self.trust_email:
            raise ValueError("create_accounts needs trust_email: an account belongs to a verified address")

    @property
    def authority(self) -> str:
        """Whose word it is that a subject is somebody; what an account is linked to, together with the subject."""
        return self.issuer if self.kind == "oidc" else self.userinfo_url


class AuthSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The category `auth`."""

    registration_open: Annotated[
        bool, Meta(title="Open registration", description="Everybody may make a student's account.")
    ] = True
    require_verified_email: Annotated[
        bool,
        Meta(
            title="Confirmed addresses alone",
            description="Nobody signs in before they have followed the link that was mailed to them.",
        ),
    ] = False
    password: Annotated[PasswordPolicy, Meta(title="New passwords", description="What a new password needs.")] = (
        PasswordPolicy()
    )
    mfa_required_for: Annotated[
        tuple[Literal["admin", "instructor", "student"], ...],
        Meta(
            title="Second factor for",
            description="Roles that need a second factor; their sessions can only set one up until they have it.",
        ),
    ] = ()
    providers: Annotated[
        dict[ProviderId, Provider],
        Meta(max_length=20, title="Other sign-ins", description="Who else may say who somebody is, by a short name."),
    ] = {}


SETTINGS = SettingsSpec("auth", AuthSettings, "Sign-in and registration", public=("registration_open", "password"))
