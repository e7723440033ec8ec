"""The categories of settings that every tenant has, whatever plugins act: who the school is, mail, money, security.

How settings are specified is `kernel.settings`; each field's description is what the settings page shows.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from kernel.clock import timezones
from kernel.settings import Destination, SecretText, SettingsSpec

Colour = Annotated[str, Meta(pattern="^#[0-9a-f]{6}$", extra_json_schema={"format": "color"})]
Locale = Annotated[
    str, Meta(pattern="^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$", extra_json_schema={"format": "locale"})
]
_ADDRESS = r"^$|^[^@\s<>,;\"]+@[^@\s<>,;\"]+$"
Origin = Annotated[str, Meta(max_length=300, pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$")]
PerMinute = Annotated[int, Meta(ge=1, le=1_000_000)]


class GeneralSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The category `general`: how the school presents itself."""

    name: Annotated[
        str, Meta(max_length=100, title="Name", description="The school's name; the tenant's own name when empty.")
    ] = ""
    logo_url: Annotated[
        str,
        Meta(
            max_length=500,
            pattern=r"^$|^https://[^\s\"'<>]+$|^/(?!/)[^\s\"'<>\\]*$",
            title="Logo",
            extra_json_schema={"format": "uri-reference"},
            description="The logo: an https address, or a path of this site.",
        ),
    ] = ""
    primary_colour: Annotated[
        Colour, Meta(title="Main colour", description="Of buttons and links: #rrggbb, in small letters.")
    ] = "#0a6565"
    accent_colour: Annotated[Colour, Meta(title="Accent colour", description="Of what stands out.")] = "#f2a635"
    locale: Annotated[
        Locale, Meta(title="Language", description="The language of pages and mails when nobody chose another.")
    ] = "en"
    locales: Annotated[
        tuple[Locale, ...],
        Meta(min_length=1, max_length=50, title="Languages", description="The languages that people may choose."),
    ] = ("en", "ar")
    timezone: Annotated[
        str,
        Meta(
            max_length=50,
            title="Time zone",
            extra_json_schema={"format": "timezone"},
            description="Of dates when somebody chose none, such as Europe/Berlin.",
        ),
    ] = "UTC"
    support_email: Annotated[
        str,
        Meta(
            max_length=254,
            pattern=r"^$|^[^@\s]+@[^@\s]+$",
            title="Address for help",
            extra_json_schema={"format": "email"},
            description="Where people find help.",
        ),
    ] = ""

    def __post_init__(self) -> None:
        """Refuse a language that nobody may choose, a time zone that does not exist."""
        if self.locale not in self.locales:
            raise ValueError("locale: It must be one of `locales`")
        if self.timezone not in timezones():
            raise ValueError("timezone: There is no such time zone; write it as Europe/Berlin or UTC")


class PaymentSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The category `payment`: what prices mean and how they are paid."""

    currency: Annotated[
        str, Meta(pattern="^[A-Z]{3}$", title="Currency", description="Of every price (ISO 4217): USD, EUR.")
    ] = "USD"
    instructions: Annotated[
        str,
        Meta(max_length=2000, title="How to pay", description="How to pay for a course and get its code; plain text."),
    ] = ""


class MailSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The category `mail`: through whom and in whose name the school sends mails."""

    host: Annotated[
        Destination,
        Meta(
            max_length=253,
            pattern=r"^[A-Za-z0-9.:-]*$",
            title="Server",
            description="An SMTP server of the school's own; that of the whole service when empty.",
        ),
    ] = ""
    port: Annotated[int, Meta(ge=1, le=65_535, title="Port", description="Usually 587 for STARTTLS, 465 for TLS.")] = (
        587
    )
    encryption: Annotated[
        Literal["starttls", "tls"],
        Meta(title="Encryption", description="STARTTLS after the greeting, or TLS from the first byte."),
    ] = "starttls"
    username: Annotated[
        str, Meta(max_length=254, title="User name", description="For the server; none when empty.")
    ] = ""
    password: Annotated[SecretText, Meta(max_length=500, title="Password", description="For the server.")] = ""
    from_address: Annotated[
        str,
        Meta(
            max_length=254,
            pattern=_ADDRESS,
            title="Address of the sender",
            extra_json_schema={"format": "email"},
            description="In whose name the school's own server sends.",
        ),
    ] = ""
    from_name: Annotated[
        str,
        Meta(max_length=100, title="Name of the sender", description="Shown beside it; the school's name when empty."),
    ] = ""
    reply_to: Annotated[
        str,
        Meta(
            max_length=254,
            pattern=_ADDRESS,
            title="Answers go to",
            extra_json_schema={"format": "email"},
            description="Where answers go, whichever server sends.",
        ),
    ] = ""

    def __post_init__(self) -> None:
        """Refuse a server without an address to send from."""
        if self.host and not self.from_address:
            raise ValueError("from_address: A server of the school's own sends in the name of an address of its own")


class RateLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """Requests per minute, per user or address."""

    api_per_minute: Annotated[PerMinute, Meta(title="All else", description="What has no limit of its own.")] = 100
    login_per_minute: Annotated[
        PerMinute, Meta(title="Signing in", description="Tries to sign in, by address and by account.")
    ] = 5
    redeem_per_minute: Annotated[
        PerMinute, Meta(title="Redeeming codes", description="Tries to redeem a code, by address and by user.")
    ] = 5
    upload_per_minute: Annotated[
        PerMinute, Meta(title="Uploads", description="Uploads, and mails to try mail out.")
    ] = 10
    progress_per_minute: Annotated[PerMinute, Meta(title="Progress", description="Reports of what was watched.")] = 30
    page_per_minute: Annotated[PerMinute, Meta(title="Pages", description="Pages that a browser shows.")] = 300
    media_per_minute: Annotated[PerMinute, Meta(title="Files", description="Parts of files.")] = 600
    # A class behind one address opens its first page at once: a dozen of files for each of them, then none for good.
    asset_per_minute: Annotated[
        PerMinute, Meta(title="Parts of pages", description="Styles, scripts and icons of pages.")
    ] = 6000


class SecuritySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The category `security`."""

    rate_limits: Annotated[
        RateLimits, Meta(title="Limits", description="Requests per minute of one user or address.")
    ] = RateLimits()
    audit_log_days: Annotated[
        int, Meta(ge=30, le=3650, title="Audit log", description="How long the audit log is kept.")
    ] = 90
    cors_origins: Annotated[
        tuple[Origin, ...],
        Meta(
            max_length=50,
            title="Other sites",
            description="Other sites whose pages may use the API, with tokens: scheme and host, https://app.example.",
        ),
    ] = ()


GENERAL = SettingsSpec("general", GeneralSettings, "General", public=tuple(GeneralSettings.__struct_fields__))
MAIL = SettingsSpec("mail", MailSettings, "Mail")
PAYMENT = SettingsSpec("payment", PaymentSettings, "Payment", public=("currency", "instructions"))
SECURITY = SettingsSpec("security", SecuritySettings, "Security", operator=("rate_limits",))
KERNEL_SETTINGS = (GENERAL, MAIL, PAYMENT, SECURITY)
