"""One-time codes by the clock (RFC 6238, as every authenticator app makes them), and how their secret is kept.

That a code counts once is decided where it is used, by the database (`actions.codes`).
"""

import hmac
from datetime import datetime
from uuid import UUID

import pyotp
import segno

from kernel.keys import Keyring

PURPOSE = "totp"
"""Of the key under which secrets are kept."""
STEP_S = 30
_WINDOW = (0, -1, 1)
"""A code of the step before or after counts too: clocks differ, and people type slowly."""


def new_secret() -> str:
    """Return a secret of 160 bits in base32."""
    return pyotp.random_base32()


def matching_step(secret: str, code: str, at: datetime) -> int | None:
    """Return the time step whose code this is; None if it is of none around that moment."""
    totp = pyotp.TOTP(secret, interval=STEP_S)
    present = int(at.timestamp()) // STEP_S
    for step in (present + offset for offset in _WINDOW):
        if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode()):
            return step
    return None


def otpauth_uri(secret: str, *, school: str, email: str) -> str:
    """Return the address that an authenticator app reads."""
    return pyotp.TOTP(secret, interval=STEP_S).provisioning_uri(name=email, issuer_name=school)


def qr_svg(text: str) -> str:
    """Return a QR code as an SVG that scales."""
    return segno.make_qr(text).svg_inline(scale=4, omitsize=True, light="#fff")


def seal(keyring: Keyring, tenant_id: UUID, user_id: UUID, secret: str) -> str:
    """Return the secret as it is kept: encrypted for this user alone."""
    return keyring.encrypt(PURPOSE, secret.encode(), tenant_id.bytes + user_id.bytes)


def unseal(keyring: Keyring, tenant_id: UUID, user_id: UUID, sealed: str) -> str:
    """Return the secret.

    Raises:
        DecryptionFailed: Its key is gone, or it was made for somebody else.
    """
    return keyring.decrypt(PURPOSE, sealed, tenant_id.bytes + user_id.bytes).decode()
