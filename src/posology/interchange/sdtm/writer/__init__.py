"""Facts to SDTM."""
