"""Virtual patients that carry the drug, designs run on them, whole trials conducted as records."""
