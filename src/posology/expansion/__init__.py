"""Is it working, and at which dose: one arm, several cohorts, the dose. Pure, like :mod:`posology.designs`.

Everything here is a function of counts. The same object decides in a live trial, replays one, and gives exact
operating characteristics.
"""
