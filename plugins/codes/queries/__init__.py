"""Reads of codes: what those who hand them out see."""
