"""What authors and reviewers of courses are mailed."""

from kernel.mail import MailTemplate
from plugins.auth.api import NotificationKind

_NAME = {"first_name": "the first name of whoever gets the mail", "course": "the title of the course"}
_LINK = {"link": "the page of the course"}

COURSE_SUBMITTED = MailTemplate(
    name="courses.course_submitted",
    title="A course waits for a review",
    placeholders={**_NAME, "author": "the name of whoever has submitted it", **_LINK},
    required=("link",),
    subject={"en": "“{{course}}” waits for your review", "ar": "دورة «{{course}}» تنتظر مراجعتك"},
    body={
        "en": """Hello {{first_name}},

{{author}} has submitted the course “{{course}}” at {{school}} for review. Here you see it, and can publish it or send
it back with notes:

{{link}}
""",
        "ar": """مرحبًا {{first_name}}،

قدّم {{author}} دورة «{{course}}» في {{school}} للمراجعة. يمكنك هنا الاطلاع عليها ونشرها أو إعادتها مع ملاحظات:

{{link}}
""",
    },
    samples={"author": "Noor Haddad", "course": "Chairs"},
)
COURSE_APPROVED = MailTemplate(
    name="courses.course_approved",
    title="A course was approved",
    placeholders={**_NAME, **_LINK},
    required=("link",),
    subject={"en": "“{{course}}” is published", "ar": "تم نشر دورة «{{course}}»"},
    body={
        "en": """Hello {{first_name}},

your course “{{course}}” at {{school}} was approved. Students can see it from now on:

{{link}}
""",
        "ar": """مرحبًا {{first_name}}،

تمت الموافقة على دورتك «{{course}}» في {{school}}، ويمكن للطلاب رؤيتها من الآن:

{{link}}
""",
    },
    samples={"course": "Chairs"},
)
COURSE_SENT_BACK = MailTemplate(
    name="courses.course_sent_back",
    title="A course was sent back",
    placeholders={
        **_NAME,
        "reason": "why, in the reviewer's words",
        "notes": "the notes to single parts, a line each; empty if there are none",
        **_LINK,
    },
    required=("link",),
    subject={"en": "“{{course}}” needs some changes", "ar": "تحتاج دورة «{{course}}» إلى بعض التعديلات"},
    body={
        "en": """Hello {{first_name}},

your course “{{course}}” at {{school}} was looked at, and is not published yet:

{{reason}}

{{notes}}

Here you can change it and submit it again. It shows which part each note belongs to:

{{link}}
""",
        "ar": """مرحبًا {{first_name}}،

تمت مراجعة دورتك «{{course}}» في {{school}} ولم تُنشر بعد:

{{reason}}

{{notes}}

يمكنك هنا تعديلها وتقديمها مرة أخرى، وسترى أي جزء تخصه كل ملاحظة:

{{link}}
""",
    },
    samples={"course": "Chairs", "reason": "The sound is missing.", "notes": "- Say more in the title."},
)
MAIL_TEMPLATES = (COURSE_SUBMITTED, COURSE_APPROVED, COURSE_SENT_BACK)
KINDS = (
    NotificationKind(name=COURSE_SUBMITTED.name, title="A course waits for your review"),
    NotificationKind(name=COURSE_APPROVED.name, title="Your course was approved"),
    NotificationKind(name=COURSE_SENT_BACK.name, title="Your course was sent back"),
)
