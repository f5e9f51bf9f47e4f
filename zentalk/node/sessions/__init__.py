"""Ratchets with contacts, inside the transactions of the history.

A session is what two people share: a ratchet that works, perhaps an older one whose mail is still
on its way, and perhaps a newer one that was not answered yet. Its protocol is `zentalk.session`;
here it meets the rows of the database.

Glossary: a *ratchet* is the state that makes each message key from the one before; a *generation*
orders the ratchets of one contact; a *first message* carries the header that starts one;
*evidence* is what speaks for or against a ratchet; *prekeys* let others start one while we are
away.

- `sessions.py`: load a ratchet, step it, store it; starting and accepting new ones.
- `evidence.py`: what contacts send that no ratchet reads, and mail that is never confirmed.
- `prekey_rotation.py`: the weekly signed and PQ prekeys, and their end.

Nothing here may wait between loading a ratchet and storing it: one key would serve twice. A failed
decryption changes no row, and nothing is believed before it has decrypted.
"""
