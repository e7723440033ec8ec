"""Access codes: made in batches for a course or a video, redeemed exactly once. What they open, courses decide."""
