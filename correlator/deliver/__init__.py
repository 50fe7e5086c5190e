"""incidents → sinks: outbox, contract, retry."""
