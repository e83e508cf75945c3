"""The drug in the body: an antibody-drug conjugate from infusion to tumour, marker and toxicity; virtual patients."""
