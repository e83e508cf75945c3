"""The drug in the body: an antibody-drug conjugate from infusion to tumour, marker and toxicity; virtual patients.

Days, litres, milligrams; concentrations of antibody in ug/mL, of payload in ng/mL.
"""
