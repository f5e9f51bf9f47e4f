"""Whom a relay's operator lets in and whom not: access tokens and bans.

Spec: docs/spec/link.md section 11.3. Both are in files of the relay's folder, which the commands
`zentalk relay access` and `zentalk relay ban` write and a running relay reads again on SIGHUP.

- `tokens`: the tokens that were given out, and whose proof a client shows
- `bans`: addresses that are refused, and until when
- `files`: reads and writes both files
- `doorkeeper`: decides about each link of a running relay, and ends those that may stay no longer

A token must never get into a log, an error or a repr; its name stays inside this relay.
"""
