"""What the three kinds of people do here: each node of the product's user flows, and the page that serves it.

`NODES` stand on pages today. `LATER` names those whose plugins do not exist yet; the plugin that brings one moves it.
Paths have the places of `pages.py`; `test_portal_nodes.py` finds each page by following links.
"""

from typing import NamedTuple

from tests.plugins.portal.pages import Reader


class Node(NamedTuple):
    """A node of a flow, and what its page must hold."""

    flow: Reader
    name: str
    path: str
    says: str = ""
    """Words that the page says, labels of controls among them."""
    sends: str = ""
    """The beginning of what a form's `data-api` or `action` says."""
    leads: str = ""
    """The beginning of where a link leads."""


NODES = (
    Node("admin", "Dashboard", "/dashboard", says="Good"),
    Node("admin", "Statistics Overview", "/dashboard", says="things need you"),
    Node("admin", "Total Students", "/dashboard", says="Students 4"),
    Node("admin", "Total Instructors", "/dashboard", says="Instructors 1"),
    Node("admin", "Total Courses", "/dashboard", says="Courses 6"),
    Node("admin", "Total Videos", "/dashboard", says="Videos 36"),
    Node("admin", "Revenue (if applicable)", "/dashboard", says="Revenue"),
    Node("admin", "User Management", "/dashboard", leads="/admin/users"),
    Node("admin", "List Users", "/admin/users", leads="/admin/users/{student}"),
    Node("admin", "Filter by Role", "/admin/users", says="All roles", sends="/admin/users"),
    Node("admin", "Create User", "/admin/users/new", sends="POST /api/v1/users"),
    Node("admin", "Assign Role", "/admin/users/new", says="Role"),
    Node("admin", "Edit User", "/admin/users/{student}", sends="PATCH /api/v1/users/{student}"),
    Node("admin", "Update Profile/Status", "/admin/users/{student}", says="Active"),
    Node("admin", "View User File", "/admin/users", leads="/users/{student}/file"),
    Node("admin", "Student/Instructor Details", "/users/{instructor}/file", says="Specialization"),
    Node("admin", "Suspend/Activate User", "/admin/users", says="Suspend", sends="PATCH /api/v1/users/{student}"),
    Node("admin", "Course Management", "/dashboard", leads="/admin/courses"),
    Node("admin", "Categories", "/dashboard", leads="/admin/categories"),
    Node("admin", "Create Category", "/admin/categories", sends="POST /api/v1/categories"),
    Node("admin", "Edit Category", "/admin/categories", sends="PATCH /api/v1/categories/{category_id}"),
    Node("admin", "Organize Hierarchy", "/admin/categories", sends="POST /api/v1/categories/{category_id}/move"),
    Node("admin", "Courses", "/dashboard", leads="/admin/courses"),
    Node("admin", "List All Courses", "/admin/courses", says="Submitted"),
    Node(
        "admin", "Approve/Reject Course", "/admin/review/{submitted}", sends="POST /api/v1/courses/{submitted}/approve"
    ),
    Node(
        "admin", "Approve/Reject Course", "/admin/review/{submitted}", sends="POST /api/v1/courses/{submitted}/reject"
    ),
    Node("admin", "Feature Course", "/admin/courses", sends="PUT /api/v1/courses/{course_id}/feature"),
    Node("admin", "Access Codes", "/dashboard", leads="/admin/codes"),
    Node(
        "admin",
        "Generate Course Codes",
        "/admin/codes/new",
        says="A course",
        sends="POST /api/v1/access-codes/generate",
    ),
    Node("admin", "Generate Video Codes", "/admin/codes/new", says="One lesson"),
    Node("admin", "View Code Usage", "/admin/codes/batches/{batch}", says="1"),
    Node(
        "admin", "Deactivate Codes", "/admin/codes/batches/{batch}", sends="DELETE /api/v1/access-codes/batches/{batch}"
    ),
    Node("admin", "System Settings", "/dashboard", leads="/admin/settings"),
    Node("admin", "General Settings", "/admin/settings/general", says="Main colour", sends="PATCH /api/v1/settings"),
    Node("admin", "Email Templates", "/admin/mail-templates/{mail}", sends="PUT /api/v1/mail-templates/{mail}"),
    Node("admin", "Payment Settings", "/admin/settings/payment", sends="PATCH /api/v1/settings"),
    Node("admin", "Security Settings", "/admin/settings/security", sends="PATCH /api/v1/settings"),
    Node("instructor", "Dashboard", "/dashboard", says="Good"),
    Node("instructor", "My Statistics", "/dashboard", says="Watch time"),
    Node("instructor", "Total Students", "/dashboard", says="Students 4"),
    Node("instructor", "Active Courses", "/dashboard", says="Active courses 3"),
    Node("instructor", "Rating/Reviews", "/dashboard", says="Rating", leads="/teach/reviews"),
    Node("instructor", "Course Management", "/dashboard", leads="/teach/courses"),
    Node("instructor", "My Courses", "/teach/courses", leads="/teach/courses/{sent_back}/curriculum"),
    Node("instructor", "Create New Course", "/teach/courses/new", sends="POST /api/v1/courses"),
    Node("instructor", "Add Title/Description", "/teach/courses/new", says="Title"),
    Node("instructor", "Set Category", "/teach/courses/new", says="Category"),
    Node(
        "instructor",
        "Add Sections",
        "/teach/courses/{draft}/curriculum",
        sends="POST /api/v1/courses/{draft}/sections",
    ),
    Node(
        "instructor",
        "Submit for Review",
        "/teach/courses/{draft}/curriculum",
        sends="POST /api/v1/courses/{draft}/submit",
    ),
    Node(
        "instructor",
        "Edit Existing Course",
        "/teach/courses/{published}/details",
        sends="PATCH /api/v1/courses/{published}",
    ),
    Node("instructor", "View Course Analytics", "/teach/courses/{published}/analytics", says="Watch time"),
    Node("instructor", "Add Videos", "/teach/courses/{draft}/curriculum", sends="POST /api/v1/sections/-/videos"),
    Node("instructor", "Upload to Server", "/teach/courses/{draft}/curriculum", says="Choose videos"),
    Node("instructor", "Add YouTube Private Link", "/teach/courses/{draft}/curriculum", says="YouTube"),
    Node("instructor", "Set Video Order", "/teach/courses/{draft}/curriculum", says="Move up Move down"),
    Node("instructor", "Add Materials", "/teach/courses/{published}/materials", sends="POST /api/v1/materials"),
    Node("instructor", "Upload PDFs", "/teach/courses/{published}/materials", says="Add a file"),
    Node("instructor", "Upload Documents", "/teach/courses/{published}/materials", says="Or drop it here"),
    Node("instructor", "Add External Resources", "/teach/courses/{published}/materials", says="Add a link"),
    Node("instructor", "View Student Files", "/teach/students", leads="/users/{student}/file"),
    Node("instructor", "Progress Overview", "/users/{student}/file", says="Progress over all"),
    Node("instructor", "Course Performance", "/users/{student}/file", says="Watch time"),
    Node("instructor", "Profile Settings", "/dashboard", leads="/profile"),
    Node("instructor", "Update Profile", "/profile", sends="PATCH /api/v1/users/{instructor}"),
    Node(
        "instructor",
        "Qualifications",
        "/profile",
        says="Years of experience",
        sends="PATCH /api/v1/users/{instructor}/instructor-profile",
    ),
    Node(
        "instructor",
        "Notification Preferences",
        "/profile/preferences",
        sends="PATCH /api/v1/users/me/preferences",
    ),
    Node("student", "Dashboard", "/dashboard", says="Good"),
    Node("student", "My Progress Overview", "/dashboard", says="Continue where you stopped"),
    Node("student", "Enrolled Courses", "/dashboard", says="Enrolled courses 1"),
    Node("student", "Overall Progress", "/dashboard", says="Overall progress 25%"),
    Node("student", "Recent Activity", "/dashboard", says="Recent activity"),
    Node("student", "Browse Courses", "/dashboard", leads="/courses"),
    Node("student", "Filter by Category", "/courses", says="Science", sends="/courses"),
    Node("student", "Search Courses", "/courses", says="Search"),
    Node("student", "View Course Details", "/courses", leads="/courses/{open_course}"),
    Node("student", "Description", "/courses/{open_course}", leads="/courses/{open_course}/curriculum"),
    Node("student", "Curriculum", "/courses/{open_course}/curriculum", says="6 lessons"),
    Node("student", "Instructor Info", "/courses/{open_course}/instructor", leads="/instructors/{instructor}"),
    Node("student", "Reviews", "/courses/{open_course}/reviews", says="review"),
    Node("student", "Enroll in Course", "/courses/{open_course}", says="Enrol"),
    Node("student", "If Code Required", "/courses/{locked_course}", leads="/redeem"),
    Node("student", "Enter Access Code", "/redeem", says="Access code", sends="POST /api/v1/access-codes/redeem"),
    Node("student", "Validate", "/redeem", says="This code opens"),
    Node("student", "Enroll", "/redeem", says="It is open for you Start learning"),
    Node("student", "If Free/Purchased", "/courses/{open_course}", says="Free"),
    Node("student", "Direct Enrollment", "/courses/{open_course}", sends="POST /api/v1/courses/"),
    Node("student", "My Courses", "/dashboard", leads="/my/courses"),
    Node("student", "Select Course", "/my/courses", leads="/learn/{course}"),
    Node("student", "View Sections", "/learn/{course}/{server_video}", leads="/learn/{course}/{external_video}"),
    Node("student", "Watch Videos", "/learn/{course}/{youtube_video}", says="Lesson"),
    Node("student", "Enter Video Code", "/redeem", says="It opens a course or a lesson for you"),
    Node("student", "Watch", "/redeem", leads="/my/courses", says="Start learning"),
    Node("student", "If No Code", "/learn/{course}", sends="POST /api/v1/videos/{video}/progress"),
    Node("student", "Watch Directly", "/learn/{course}/{server_video}", says="Lesson"),
    Node("student", "Track Progress", "/my/courses", says="25%"),
    Node("student", "Download Materials", "/learn/{course}/materials", says="Download"),
    Node("student", "Profile", "/dashboard", leads="/profile"),
    Node("student", "Update Information", "/profile", sends="PATCH /api/v1/users/{student}"),
    Node("student", "View My File", "/my/file", says="My file"),
    Node("student", "Notification Settings", "/profile/preferences", sends="PATCH /api/v1/users/me/preferences"),
)

LATER: dict[Reader, tuple[str, ...]] = {
    "admin": (
        "Active Live Classes", "Live Classes", "View All Scheduled", "Assign Instructors", "Monitor Attendance",
        "Follow-Up Department", "View All Records", "Assign Students to Instructors", "Generate Reports",
        "Blog Management", "Create/Edit Posts", "Manage Categories", "Moderate Comments",
        "Community Management", "Create Communities", "Assign Moderators", "Monitor Activity",
        "Admin Chat", "Communicate with Other Admins",
    ),
    "instructor": (
        "Upcoming Live Classes", "Live Classes", "Schedule New Class", "Set Date/Time", "Add Meeting Link",
        "Invite Students", "Start Live Class", "View Attendance Reports", "Student Follow-Up",
        "View Assigned Students", "Attendance Records", "Add Follow-Up Notes", "Private Chat with Student", "Messages",
        "Student Conversations", "Admin Communications",
    ),
    "student": (
        "Upcoming Live Classes", "Live Classes", "View Schedule", "Join Live Class (via secure link)",
        "View Recordings", "My Follow-Up", "View Assigned Instructor", "View Progress Reports",
        "Chat with Instructor", "Community", "Join Communities", "Programmers", "Designers", "Traders",
        "Post Messages", "Interact with Others", "Blog", "Browse Articles", "Read Full Articles",
    ),
}  # fmt: skip
