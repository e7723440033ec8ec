"""Decides what a file is from its bytes; its name and what its sender calls it count for nothing."""
