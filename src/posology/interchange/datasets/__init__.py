"""Datasets as CDISC has them: values, formats, metadata, conformance."""
