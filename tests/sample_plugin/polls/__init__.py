"""Polls: a question with a few answers. Everybody votes once; who voted is known, for what is counted only."""
