"""Running the trial: eligibility, slots, doses, decisions, cutoffs; what the protocol forbids is refused by name."""
