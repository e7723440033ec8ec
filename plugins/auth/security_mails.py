"""What the owner of an account is told of its second factors and links, whoever changed them; see also `mails`."""

from kernel.mail import MailTemplate

_PLACEHOLDERS = {
    "first_name": "the first name of whoever gets the mail",
    "link": "the page on which to ask for a new password",
}

SECOND_FACTOR_ADDED = MailTemplate(
    name="auth.second_factor_added",
    title="Notice that a second factor was set up",
    placeholders=_PLACEHOLDERS,
    subject={"en": "A second factor was set up", "ar": "تم إعداد عامل تحقق ثانٍ"},
    body={
        "en": """Hello {{first_name}},

an authenticator app or a passkey was set up for your account at {{school}}, and every other device was signed out. \
If it was not you, choose a new password at once and ask an administrator to take the second factor away:

{{link}}
""",
        "ar": """مرحبًا {{first_name}}،

تم إعداد تطبيق مصادقة أو مفتاح مرور لحسابك في {{school}}، وسُجّل خروج كل الأجهزة الأخرى. إذا لم تكن أنت فاختر كلمة \
مرور جديدة فورًا واطلب من أحد المشرفين إزالة العامل الثاني:

{{link}}
""",
    },
)
SECOND_FACTOR_REMOVED = MailTemplate(
    name="auth.second_factor_removed",
    title="Notice that a second factor was removed",
    placeholders=_PLACEHOLDERS,
    subject={"en": "A second factor was removed", "ar": "تمت إزالة عامل تحقق ثانٍ"},
    body={
        "en": """Hello {{first_name}},

an authenticator app or a passkey was removed from your account at {{school}}. If it was not you, choose a new \
password at once:

{{link}}
""",
        "ar": """مرحبًا {{first_name}}،

تمت إزالة تطبيق مصادقة أو مفتاح مرور من حسابك في {{school}}. إذا لم تكن أنت فاختر كلمة مرور جديدة فورًا:

{{link}}
""",
    },
)
SECOND_FACTORS_RESET = MailTemplate(
    name="auth.second_factors_reset",
    title="Notice that an administrator took the second factors away",
    placeholders=_PLACEHOLDERS,
    subject={"en": "Your second factors were taken away", "ar": "تمت إزالة عوامل التحقق الثانية"},
    body={
        "en": """Hello {{first_name}},

an administrator of {{school}} has taken away every authenticator app, passkey and recovery code of your account, and \
every device was signed out. Sign in with your password and set a second factor up again. If you have not asked for \
it, choose a new password at once:

{{link}}
""",
        "ar": """مرحبًا {{first_name}}،

أزال أحد مشرفي {{school}} كل تطبيقات المصادقة ومفاتيح المرور ورموز الاسترداد من حسابك، وسُجّل خروج كل الأجهزة. سجّل \
الدخول بكلمة المرور وأعد إعداد عامل ثانٍ. إذا لم تطلب ذلك فاختر كلمة مرور جديدة فورًا:

{{link}}
""",
    },
)
RECOVERY_CODES_MADE = MailTemplate(
    name="auth.recovery_codes_made",
    title="Notice that new recovery codes were made",
    placeholders=_PLACEHOLDERS,
    subject={"en": "New recovery codes were made", "ar": "تم إنشاء رموز استرداد جديدة"},
    body={
        "en": """Hello {{first_name}},

new recovery codes were made for your account at {{school}}: the old ones do not count any more, and every other \
device was signed out. If it was not you, choose a new password at once:

{{link}}
""",
        "ar": """مرحبًا {{first_name}}،

تم إنشاء رموز استرداد جديدة لحسابك في {{school}}: لم تعد الرموز القديمة صالحة، وسُجّل خروج كل الأجهزة الأخرى. إذا لم \
تكن أنت فاختر كلمة مرور جديدة فورًا:

{{link}}
""",
    },
)
RECOVERY_CODES_LOW = MailTemplate(
    name="auth.recovery_codes_low",
    title="Notice that a recovery code was used and few are left",
    placeholders={**_PLACEHOLDERS, "left": "how many recovery codes are left"},
    subject={"en": "Few recovery codes are left", "ar": "بقي عدد قليل من رموز الاسترداد"},
    body={
        "en": """Hello {{first_name}},

a recovery code has signed you in at {{school}}, and {{left}} are left. Make new ones in your account. If it was not \
you, choose a new password at once:

{{link}}
""",
        "ar": """مرحبًا {{first_name}}،

تم تسجيل دخولك إلى {{school}} برمز استرداد، وبقي منها {{left}}. أنشئ رموزًا جديدة من حسابك. إذا لم تكن أنت فاختر كلمة \
مرور جديدة فورًا:

{{link}}
""",
    },
)
IDENTITY_LINKED = MailTemplate(
    name="auth.identity_linked",
    title="Notice that another site opens the account",
    placeholders={**_PLACEHOLDERS, "provider": "the name of the other site"},
    subject={"en": "You can sign in with {{provider}} now", "ar": "يمكنك الآن تسجيل الدخول عبر {{provider}}"},
    body={
        "en": """Hello {{first_name}},

your account at {{school}} was linked to {{provider}}, and can be opened by it from now on. If it was not you, \
choose a new password at once, and remove the link in your account:

{{link}}
""",
        "ar": """مرحبًا {{first_name}}،

رُبط حسابك في {{school}} بـ {{provider}}، ويمكن فتحه عبره من الآن فصاعدًا. إذا لم تكن أنت فاختر كلمة مرور جديدة فورًا \
واحذف الربط من حسابك:

{{link}}
""",
    },
)

SECURITY_MAILS = (
    SECOND_FACTOR_ADDED,
    SECOND_FACTOR_REMOVED,
    SECOND_FACTORS_RESET,
    RECOVERY_CODES_MADE,
    RECOVERY_CODES_LOW,
    IDENTITY_LINKED,
)
