"""The trial as it happened: events, store, audit chain, fold to state."""

from posology.record import collected, people, review  # noqa: F401  (so that every kind of fact is known)
