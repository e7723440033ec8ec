"""What changes accounts (`accounts`) and sessions (`sessions`)."""
