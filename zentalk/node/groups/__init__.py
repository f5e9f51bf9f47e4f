"""Groups and channels as the owner uses them, and the work that goes on in them.

What is decided stands in `zentalk.node.messages.groups`, inside the transactions of the history.

- `actions.py`: what REST asks for.
- `fan_out.py`: writes to the members a few at a time, passes on who has joined and what
  was read, asks for cards.
- `parts.py`: puts both together.
"""

from zentalk.node.groups.actions import GroupActions
from zentalk.node.groups.parts import GroupParts, build_groups

__all__ = ["GroupActions", "GroupParts", "build_groups"]
