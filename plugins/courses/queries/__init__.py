"""Reads of courses, as Structs for whoever asks."""
