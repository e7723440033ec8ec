"""What roles may do with polls."""

from kernel.auth import Permission

READ = Permission("polls.poll.read", "See polls", {"admin": "any", "instructor": "any", "student": "any"})
VOTE = Permission("polls.poll.vote", "Vote in polls", {"instructor": "any", "student": "any"})
MANAGE = Permission("polls.poll.manage", "Make, close and remove polls", {"admin": "any", "instructor": "own"})

PERMISSIONS = (READ, VOTE, MANAGE)
