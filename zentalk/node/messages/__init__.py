"""Messages in and out, inside the transactions of the history."""
