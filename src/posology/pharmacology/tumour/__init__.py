"""The drug in the tumour."""
