"""Courses with their sections and videos, who is enrolled in them, and how far everyone has watched.

It sells nothing and knows no access codes: whoever opens a course for somebody else does it through `api`.
"""
