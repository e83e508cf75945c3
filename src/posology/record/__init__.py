"""The trial as it happened: events, store, audit chain, fold to state."""
