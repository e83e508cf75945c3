"""Which dose next: one file a design family, pure functions of a tally."""
