"""CDISC SDTM: a folder of datasets becomes the record of a trial, and the record a folder of datasets."""
