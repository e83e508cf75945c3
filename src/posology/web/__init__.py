"""The trial room: a committee, its sites and its statistician run a trial together, in a browser, on its record.

A door like the command line: it holds no rule of its own. What may be recorded is said by :mod:`posology.conduct`, who
may record what by the record itself (:mod:`posology.record.people`).
"""
