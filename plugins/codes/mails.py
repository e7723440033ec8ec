"""What those who hand out codes are mailed."""

from kernel.mail import MailTemplate
from plugins.auth.api import NotificationKind

CODE_PAUSED = MailTemplate(
    name="codes.code_paused",
    title="A code is paused, because too many people failed on it",
    placeholders={
        "first_name": "the first name of whoever gets the mail",
        "course": "the title of the course that the code opens",
        "link": "the page of the code",
    },
    required=("link",),
    subject={"en": "A code for “{{course}}” is paused", "ar": "تم إيقاف رمز لدورة «{{course}}» مؤقتًا"},
    body={
        "en": """Hello {{first_name}},

many different people have tried a code for “{{course}}” at {{school}} that was not made for them, or that has expired.
Nobody can redeem it for the next 30 minutes; what it has opened stays open.

Here you see the code and who tried it, and can lift the pause or deactivate the code:

{{link}}
""",
        "ar": """مرحبًا {{first_name}}،

حاول أشخاص كثيرون مختلفون استخدام رمز لدورة «{{course}}» في {{school}} لم يُنشأ لهم أو انتهت صلاحيته.
لا يمكن لأحد استخدام الرمز خلال الثلاثين دقيقة القادمة، ويبقى كل ما فتحه مفتوحًا.

يمكنك هنا رؤية الرمز ومن حاول استخدامه، وإنهاء الإيقاف المؤقت أو تعطيل الرمز:

{{link}}
""",
    },
)
MAIL_TEMPLATES = (CODE_PAUSED,)
KINDS = (NotificationKind(name=CODE_PAUSED.name, title="A code for your course was paused"),)
