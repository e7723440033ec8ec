"""Reads of accounts and sessions, as Structs for whoever asks."""
