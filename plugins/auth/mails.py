"""What accounts are mailed: links that prove who reads an address, and notices of what has changed."""

from kernel.mail import MailTemplate

_NAME = "the first name of whoever gets the mail"

CONFIRM_ADDRESS = MailTemplate(
    name="auth.confirm_address",
    title="Confirm an e-mail address",
    placeholders={"first_name": _NAME, "link": "the page that confirms the address, for 24 hours"},
    required=("link",),
    subject={"en": "Confirm your e-mail address", "ar": "أكّد عنوان بريدك الإلكتروني"},
    body={
        "en": """Hello {{first_name}},

please confirm that this is your e-mail address at {{school}}:

{{link}}

The link works for 24 hours. If you have not asked for it, do nothing.
""",
        "ar": """مرحبًا {{first_name}}،

يرجى تأكيد أن هذا هو عنوان بريدك الإلكتروني في {{school}}:

{{link}}

يعمل الرابط لمدة 24 ساعة. إذا لم تطلب ذلك فلا تفعل شيئًا.
""",
    },
)
ALREADY_REGISTERED = MailTemplate(
    name="auth.already_registered",
    title="Somebody tried to register with a taken address",
    placeholders={"first_name": _NAME, "link": "the page for a new password, for one hour"},
    required=("link",),
    subject={"en": "You have an account already", "ar": "لديك حساب بالفعل"},
    body={
        "en": """Hello {{first_name}},

somebody tried to register at {{school}} with your e-mail address, but you have an account already. If it was \
you, sign \
in as usual. If you have forgotten your password, choose a new one within one hour:

{{link}}

If it was not you, do nothing: nobody has learnt that you have an account.
""",
        "ar": """مرحبًا {{first_name}}،

حاول شخص ما التسجيل في {{school}} بعنوان بريدك الإلكتروني، لكن لديك حسابًا بالفعل. إذا كنت أنت فسجّل الدخول كالمعتاد. \
وإذا نسيت كلمة المرور فاختر كلمة جديدة خلال ساعة:

{{link}}

إذا لم تكن أنت فلا تفعل شيئًا: لم يعلم أحد أن لديك حسابًا.
""",
    },
)
RESET_PASSWORD = MailTemplate(
    name="auth.reset_password",
    title="Choose a new password",
    placeholders={"first_name": _NAME, "link": "the page for a new password, for one hour"},
    required=("link",),
    subject={"en": "Choose a new password", "ar": "اختر كلمة مرور جديدة"},
    body={
        "en": """Hello {{first_name}},

here you can choose a new password for {{school}}:

{{link}}

The link works for one hour and once. If you have not asked for it, do nothing: your password stays as it is.
""",
        "ar": """مرحبًا {{first_name}}،

يمكنك هنا اختيار كلمة مرور جديدة لحسابك في {{school}}:

{{link}}

يعمل الرابط مرة واحدة ولمدة ساعة. إذا لم تطلب ذلك فلا تفعل شيئًا: تبقى كلمة مرورك كما هي.
""",
    },
)
INVITATION = MailTemplate(
    name="auth.invitation",
    title="Invitation to an account",
    placeholders={"first_name": _NAME, "link": "the page on which to choose a password, for seven days"},
    required=("link",),
    subject={"en": "Your account at {{school}}", "ar": "حسابك في {{school}}"},
    body={
        "en": """Hello {{first_name}},

an account has been made for you at {{school}}. Choose a password to start:

{{link}}

The link works for seven days and once.
""",
        "ar": """مرحبًا {{first_name}}،

أُنشئ لك حساب في {{school}}. اختر كلمة مرور لتبدأ:

{{link}}

يعمل الرابط مرة واحدة ولمدة سبعة أيام.
""",
    },
)
ADDRESS_IN_USE = MailTemplate(
    name="auth.address_in_use",
    title="Somebody wanted a taken address for their account",
    placeholders={"first_name": _NAME},
    subject={"en": "Your e-mail address belongs to your account", "ar": "عنوان بريدك الإلكتروني تابع لحسابك"},
    body={
        "en": """Hello {{first_name}},

somebody wanted to use this e-mail address for another account at {{school}}. It belongs to your account, so \
nothing has \
changed. If it was you, sign in with this address instead.
""",
        "ar": """مرحبًا {{first_name}}،

أراد شخص ما استخدام هذا العنوان لحساب آخر في {{school}}. العنوان تابع لحسابك، لذلك لم يتغيّر شيء. إذا كنت أنت \
فسجّل الدخول \
بهذا العنوان.
""",
    },
)
ADDRESS_CHANGED = MailTemplate(
    name="auth.address_changed",
    title="Notice to the old address that it was replaced",
    placeholders={"first_name": _NAME},
    subject={"en": "Your e-mail address was changed", "ar": "تم تغيير عنوان بريدك الإلكتروني"},
    body={
        "en": """Hello {{first_name}},

your account at {{school}} has another e-mail address now, and this one does not belong to it any more. If it \
was not you, \
tell an administrator at once.
""",
        "ar": """مرحبًا {{first_name}}،

أصبح لحسابك في {{school}} عنوان بريد إلكتروني آخر، ولم يعد هذا العنوان تابعًا له. إذا لم تكن أنت فأبلغ أحد المشرفين فورًا.
""",
    },
)
PASSWORD_CHANGED = MailTemplate(
    name="auth.password_changed",
    title="Notice that the password was changed",
    placeholders={"first_name": _NAME, "link": "the page on which to ask for a new password"},
    subject={"en": "Your password was changed", "ar": "تم تغيير كلمة مرورك"},
    body={
        "en": """Hello {{first_name}},

the password of your account at {{school}} was changed, and every other device was signed out. If it was not \
you, choose a \
new one at once:

{{link}}
""",
        "ar": """مرحبًا {{first_name}}،

تم تغيير كلمة مرور حسابك في {{school}}، وسُجّل خروج كل الأجهزة الأخرى. إذا لم تكن أنت فاختر كلمة مرور جديدة فورًا:

{{link}}
""",
    },
)

TEMPLATES = (
    CONFIRM_ADDRESS,
    ALREADY_REGISTERED,
    RESET_PASSWORD,
    INVITATION,
    ADDRESS_IN_USE,
    ADDRESS_CHANGED,
    PASSWORD_CHANGED,
)
