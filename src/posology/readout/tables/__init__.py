"""The tables of a readout."""
