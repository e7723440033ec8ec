"""What stands on a card of a code, in the school's language: the same on the page that prints and in the PDF."""

from zoneinfo import ZoneInfo

from msgspec import Struct

from kernel.categories import GENERAL, GeneralSettings
from kernel.tenancy import Tenant
from plugins.codes.schemas import CodeCard, ExportedCode
from plugins.codes.sheets import Card


class Words(Struct, frozen=True):
    """What a card says of its code's terms, in one language."""

    until: str
    once: str
    uses: str
    access_days: str
    between: str = ", "


_WORDS = {
    "en": Words("Until {}", "Can be used once", "Uses: {}", "Days of access: {}"),
    "ar": Words("صالح حتى {}", "يُستخدم مرة واحدة", "عدد الاستخدامات: {}", "أيام الوصول: {}", "، "),
}


def redeem_address(tenant: Tenant, code: str) -> str:
    """Return what a QR code says: the code stands behind the hash, where no server and no log sees it."""
    return tenant.url(f"/redeem#code={code}")


def printed_card(tenant: Tenant, title: str, code: str, note: str) -> Card:
    """Return what is printed of a code."""
    general = tenant.setting(GENERAL, GeneralSettings)
    return Card(general.name or tenant.name, title, code, redeem_address(tenant, code), note)


def card_words(tenant: Tenant) -> Words:
    """Return the words of a card in the school's language."""
    language = tenant.setting(GENERAL, GeneralSettings).locale.partition("-")[0]
    return _WORDS.get(language, _WORDS["en"])


def note_of(tenant: Tenant, code: ExportedCode | CodeCard) -> str:
    """Return the terms of a code in a line."""
    general = tenant.setting(GENERAL, GeneralSettings)
    words = card_words(tenant)
    notes = []
    if code.expires_at is not None:
        day = code.expires_at.astimezone(ZoneInfo(general.timezone)).date()
        # The mark keeps a day's numbers in their order among letters that run from right to left.
        notes.append(words.until.format(f"\N{LEFT-TO-RIGHT MARK}{day}"))
    if code.max_uses is not None:
        notes.append(words.once if code.max_uses == 1 else words.uses.format(code.max_uses))
    if code.access_days is not None:
        notes.append(words.access_days.format(code.access_days))
    return words.between.join(notes)
