"""The protocols by which other servers say who somebody is: OpenID Connect and plain OAuth 2, by Authlib.

Which account it is, and whether it may sign in, is decided in `actions.federation`.
"""
