"""The mails that the kernel itself sends."""

from kernel.mail.wording import MailTemplate

TEST_MAIL = MailTemplate(
    name="kernel.test_mail",
    title="Test mail",
    placeholders={"link": "the address of the school"},
    subject={"en": "A test mail from {{school}}", "ar": "رسالة تجريبية من {{school}}"},
    body={
        "en": "Hello,\n\nthis mail was sent to see whether {{school}} can send mails. It can.\n\n{{link}}\n",
        "ar": "مرحبًا،\n\nأُرسلت هذه الرسالة للتأكد من أن {{school}} يستطيع إرسال البريد. وقد وصلت.\n\n{{link}}\n",
    },
)
KERNEL_MAILS = (TEST_MAIL,)
