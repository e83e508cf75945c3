"""Tumour size, survival, toxicity and dose modification of treated patients."""
