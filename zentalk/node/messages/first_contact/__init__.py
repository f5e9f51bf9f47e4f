"""How two people come to be contacts, inside transactions: invites, introductions, verification.

Glossary: an *invite* is a secret that the owner gives away in a link; an *introduction* is the word
of a contact about another person; a *ticket* is the secret of either, which a first message shows;
*verified* says that the owner has compared a safety number.

- `invites.py`: making, revoking and using invites.
- `introducing.py`: telling two contacts of each other, and hearing of somebody in that way.
- `admission.py`: whether somebody who writes is a contact, a request, or nobody.
- `linking.py`: whether somebody is another node of the owner.
- `verification.py`: the verified mark, and what withdraws it.

Nothing here sends; nothing of a stranger is believed before its ticket was compared.
"""
