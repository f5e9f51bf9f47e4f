"""What an API node does without HTTP: identity, outbox, inbox, contacts, mailboxes.

Nothing here parses HTTP or prints. A message, its ratchet and its event change in one
transaction; what was not committed is never sent, and what was not committed is never
acknowledged.
"""
