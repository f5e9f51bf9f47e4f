"""A relay over HTTP: packets in, mail out by polling, for whoever cannot keep a link.

Everything goes the way that it goes from a link, through the narrow facade of the relay; each
request of an owner is proved by itself. Docs: docs/reference/relay-http.md.

- *door*: what stands before every route: limits of an address, and proofs.
- *proof*: an owner's signature over one request, this relay and a nonce.
- *nonce*: a number of the relay's that counts once, for a minute.
- *session*: an owner who polls, as the mailbox sees a connection.
- *source*: an address, or a subnet, that requests are counted against.

`server` opens the port; `app` puts the door together; `routes` has what can be asked, `schemas` its
bodies and `refusals` what the mailbox answers when it will not; `door` and `nonces` let requests
through; `sessions` and `session` keep who polls; `facade` is all of a relay that is seen from here.

It must never decide about mail, let anything in that a link would refuse, log what a request
holds, or know how a relay is put together (but for `server`, which starts it).
"""
