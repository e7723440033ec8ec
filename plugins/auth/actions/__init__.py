"""What changes accounts (`accounts`) and sessions (`sessions`), and who gets one (`signing_in`, `admission`)."""
