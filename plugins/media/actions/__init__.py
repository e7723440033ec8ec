"""What stores files and removes what was left of uploads."""
