"""Several cohorts that may tell of one another: how much each borrows from the rest, and what that does to errors.

A model is a frozen dataclass of its prior with one method, ``posterior``, on a batch of outcomes: a trial is a row, a
basket a column. :mod:`~posology.expansion.baskets.exact` gives exact operating characteristics of any of them.
"""
