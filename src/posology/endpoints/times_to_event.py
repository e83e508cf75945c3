"""The times to event, each declared once: its function, its table in a readout, its parameter in ADaM's ADTTE.

Who adds one adds an entry here; the readout's table and figure and the ADaM parameter follow from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from posology.endpoints.survival import (
    Censoring,
    Dates,
    Day,
    Histories,
    Times,
    duration_of_response,
    overall_survival,
    progression_free,
    time_on_treatment,
    time_to_response,
)

Compute = Callable[[Histories, Dates, Censoring, Day | None], Times]
"""From what is known of the patients, the first response of each (NaT for none), the rules and the cutoff to the
times."""


@dataclass(frozen=True)
class TimeToEventKind:
    """A time to event.

    Parameters
    ----------
    name, title
        in the data of a readout, and above its table and figure.
    compute
        the function that gives the times.
    adam
        its PARAMCD in ADTTE; empty where ADTTE does not have it.
    in_readout
        whether a readout of a record shows it.
    events_only
        whether ADTTE holds only those who had the event.
    """

    name: str
    title: str
    compute: Compute
    adam: str = ""
    in_readout: bool = True
    events_only: bool = False


def _overall_survival(histories: Histories, response: Dates, rules: Censoring, cutoff: Day | None) -> Times:
    return overall_survival(histories, rules=rules, cutoff=cutoff)


def _progression_free(histories: Histories, response: Dates, rules: Censoring, cutoff: Day | None) -> Times:
    return progression_free(histories, rules=rules, cutoff=cutoff)


def _duration_of_response(histories: Histories, response: Dates, rules: Censoring, cutoff: Day | None) -> Times:
    return duration_of_response(histories, response, rules=rules, cutoff=cutoff)


def _time_to_response(histories: Histories, response: Dates, rules: Censoring, cutoff: Day | None) -> Times:
    return time_to_response(histories, response, rules=rules, cutoff=cutoff)


def _time_on_treatment(histories: Histories, response: Dates, rules: Censoring, cutoff: Day | None) -> Times:
    return time_on_treatment(histories, cutoff=cutoff)


TIMES_TO_EVENT = (
    TimeToEventKind("overall_survival", "Overall survival", _overall_survival, "OS", in_readout=False),
    TimeToEventKind("progression_free_survival", "Progression-free survival", _progression_free, "PFS"),
    TimeToEventKind("duration_of_response", "Duration of confirmed response", _duration_of_response, "RSD"),
    TimeToEventKind(
        "time_to_response", "Time to response", _time_to_response, "TTR", in_readout=False, events_only=True
    ),
    TimeToEventKind("time_on_treatment", "Time on treatment", _time_on_treatment),
)
"""Every time to event, in the order of the pages."""
