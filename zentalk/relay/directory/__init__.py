"""The directory service of a relay: the shell around zentalk.directory."""
