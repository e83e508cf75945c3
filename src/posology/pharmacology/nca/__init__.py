"""Non-compartmental analysis."""
