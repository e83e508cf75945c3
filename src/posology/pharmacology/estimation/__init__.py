"""Population estimation."""
