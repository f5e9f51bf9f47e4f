"""What each kind of content does to the history, a file for each family of kinds.

A kind is a function from the transaction and what has come in to what that allows. A new kind is
a file here, a row in `registry.py`, and its content in `zentalk.wire.content`.

Glossary: a *kind* is the word in a content that says how to read it; a *part* is a piece of a
message too long for one envelope; a *receipt* is the word of a recipient that it shows messages;
an *unknown kind* comes from a newer version and is kept whole.

- `incoming.py`: what a kind is given, and what it returns.
- `registry.py`: which function stands for which kind.
- `receipts.py`: confirmations of what we sent.
- `parts.py`: long messages, whole again once all their parts are here.
- `marked.py`: edits, deletions, reactions, pins and votes.
- `settings.py`: the timer of a conversation, profiles, and consent to direct connections.
- `signalled.py`: typing, presence, and offers of direct connections.
- `introductions.py`: what contacts say of others whom they introduce.
- `resumed.py`: what is missing after a contact's node, or ours, was replaced.
- `synced.py`: what another node of the owner says.
- `stored.py`: everything that becomes a line of the history, and every unknown kind.
- `learned.py`: kinds that an earlier version kept without knowing them.

Nothing here sends, decrypts or waits; what must be refused raises RemoteProtocolError, and the
transaction forgets the rest of that message.
"""
