"""Exposure under regimens, for virtual patients."""
