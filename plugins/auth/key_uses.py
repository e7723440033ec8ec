"""What auth keeps under the deployment's keys."""

from kernel.key_uses import KeyUse, counts_by, key_id_of, renewing
from plugins.auth import totp
from plugins.auth.tables import RecoveryCode, TotpFactor, User

KEY_USES = (
    KeyUse(
        "auth.passwords",
        "passwords",
        counts_by(User.password_key_id, User.password_key_id.is_not(None)),
        remark="each follows when its owner signs in",
    ),
    KeyUse(
        "auth.totp_factors",
        "secrets of authenticator apps",
        counts_by(key_id_of(TotpFactor.secret)),
        renewing(TotpFactor.secret, TotpFactor.user_id, totp.PURPOSE),
    ),
    KeyUse(
        "auth.recovery_codes",
        "unused recovery codes",
        counts_by(RecoveryCode.code_key_id, RecoveryCode.used_at.is_(None)),
        remark="their owners make new ones",
    ),
)
