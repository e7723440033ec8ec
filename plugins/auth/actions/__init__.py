"""What changes accounts (`accounts`) and sessions (`signing_in`, `sessions`)."""
