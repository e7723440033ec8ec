"""The door for other plugins: they need nothing of administration."""
