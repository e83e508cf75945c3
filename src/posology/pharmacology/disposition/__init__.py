"""The drug in plasma."""
