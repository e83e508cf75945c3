"""The figures of a readout."""
