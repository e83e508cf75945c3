"""The statistical section of a protocol, for a design."""
