"""Worked examples, shipped with the package."""
