"""The demonstration's school: its courses, and what thirty students have done in them."""
