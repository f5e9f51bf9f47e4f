"""A relay's mailboxes on disk or in memory: one contract, two stores."""
