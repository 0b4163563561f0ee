"""Everything that survives a power cut: inbox, outbox and dead letters, in SQLite."""
