"""SDTM to facts."""
