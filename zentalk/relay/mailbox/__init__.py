"""The mailbox service of a relay: the shell around zentalk.mailbox."""
