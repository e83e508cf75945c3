"""Global sensitivity."""
