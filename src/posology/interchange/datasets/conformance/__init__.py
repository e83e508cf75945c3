"""Checks of datasets against the standards."""
