"""A poll as its author knows it, and short ways to ask."""

from typing import Any

from kernel.testing import Person

OPTIONS = ["In the morning", "After lunch", "In the evening"]


class Ballot:
    """A poll as its author knows it."""

    def __init__(self, author: Person, answer: dict[str, Any]) -> None:
        self.author = author
        self.id: str = answer["id"]
        self.path = f"/polls/{self.id}"
        self.options: list[str] = [option["id"] for option in answer["options"]]

    async def details(self) -> dict[str, Any]:
        """Return the poll as its author sees it now."""
        found: dict[str, Any] = await ask(self.author, "GET", self.path)
        return found

    async def vote(self, person: Person, option: int = 0, *, status: int = 200, **fields: Any) -> Any:
        """Vote for the option of this number."""
        body = {"option_id": self.options[option]} | fields
        return await ask(person, "POST", f"{self.path}/vote", status=status, json=body)

    async def close(self) -> None:
        """Close it."""
        await ask(self.author, "POST", f"{self.path}/close")


async def ask(person: Person, method: str, path: str, *, status: int = 200, **arguments: Any) -> Any:
    """Send a request, check its status and return the JSON."""
    answer = await person.request(method, path, **arguments)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def make_ballot(author: Person, **fields: Any) -> Ballot:
    """Make a poll."""
    body = {"question": "When shall we meet?", "options": OPTIONS} | fields
    return Ballot(author, await ask(author, "POST", "/polls", status=201, json=body))
