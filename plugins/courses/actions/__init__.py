"""What changes courses, enrolments and progress."""
