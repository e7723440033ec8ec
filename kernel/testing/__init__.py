"""The pytest plugin for plugin authors: a real stack, a fresh school for each test, real commits.

Row-level security keeps schools apart, so a test needs no clean-up and sees what a second process would see
(ADR 0008). An author overrides one fixture, `app`, and everything else follows it (`docs/testing-a-plugin.md`).
"""

from kernel.testing.apps import App, AppFactory, app, app_with, deployment, litestar_app
from kernel.testing.audit import AuditEntry
from kernel.testing.clocks import FakeClock, fake_clock
from kernel.testing.conformance import Ask, Switch, check_conformance
from kernel.testing.databases import (
    at_database,
    database,
    make_database,
    pytest_configure,
    run_worker_name,
    settings,
    stack,
)
from kernel.testing.mailbox import Mailbox, ReceivedMail, mail_server, mail_socket, mailbox
from kernel.testing.people import PASSWORD, Person
from kernel.testing.queries import query_count
from kernel.testing.recorder import Recorder, recorder
from kernel.testing.schools import (
    School,
    SchoolFactory,
    Settle,
    admin,
    anonymous,
    instructor,
    make_school,
    new_school,
    operator,
    other_school,
    school,
    settle,
    student,
)

__all__ = [
    "PASSWORD",
    "App",
    "AppFactory",
    "Ask",
    "AuditEntry",
    "FakeClock",
    "Mailbox",
    "Person",
    "ReceivedMail",
    "Recorder",
    "School",
    "SchoolFactory",
    "Settle",
    "Switch",
    "admin",
    "anonymous",
    "app",
    "app_with",
    "at_database",
    "check_conformance",
    "database",
    "deployment",
    "fake_clock",
    "instructor",
    "litestar_app",
    "mail_server",
    "mail_socket",
    "mailbox",
    "make_database",
    "make_school",
    "new_school",
    "operator",
    "other_school",
    "pytest_configure",
    "query_count",
    "recorder",
    "run_worker_name",
    "school",
    "settings",
    "settle",
    "stack",
    "student",
]
