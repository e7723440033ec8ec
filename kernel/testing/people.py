"""A signed-in person of a school, by HTTP and as the actor that an action is given."""

from uuid import UUID

import httpx

from kernel.auth import Actor

PASSWORD = "A-good-Password-1"  # noqa: S105 - of accounts that live as long as a test


class Person:
    """A signed-in user of a school, with a client that carries the credential."""

    def __init__(self, actor: Actor, email: str, client: httpx.AsyncClient) -> None:
        self.actor = actor
        """For calling an action without a request; what its role may, as it was when the person came."""
        self.id: UUID = actor.id
        self.role = actor.role
        self.email = email
        self.client = client
        self.get, self.post, self.patch = client.get, client.post, client.patch
        self.put, self.delete, self.request = client.put, client.delete, client.request
