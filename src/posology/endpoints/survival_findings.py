"""What cannot be right in the dates that a time to event is read from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from posology.endpoints.recist import Response
from posology.endpoints.survival import Dates, Day, Histories
from posology.shared.arrays import Bools
from posology.shared.findings import Finding


def survival_data_checks(of: Histories, patients: Sequence[str], cutoff: Day | None = None) -> tuple[Finding, ...]:
    """Return a finding for each date that cannot be right, by patient; nothing dated after the cutoff is looked at.

    Parameters
    ----------
    of
        what is known of the patients.
    patients
        their names, in the same order.
    cutoff
        the last day that counts.

    Examples
    --------
    >>> day = lambda *text: np.array(text, dtype="datetime64[D]")
    >>> for finding in survival_data_checks(Histories(day("2013-01-10"), death=day("2013-01-03")), ["001"]):
    ...     print(finding)
    patient 001, 2013-01-03, death: lies before the start, 2013-01-10; no time to event is given
    """
    if len(patients) != len(of.start):
        raise ValueError(f"{len(patients)} names for {len(of.start)} patients")
    found: list[tuple[int, Finding]] = []
    start = np.asarray(of.start).astype("datetime64[D]")
    last = np.datetime64("9999-12-31") if cutoff is None else np.array([cutoff], dtype="datetime64[D]")[0]

    def say(who: Bools, on: Dates, field: str, wrong: str, right: str, other: Dates | None = None) -> None:
        for row in np.flatnonzero(who):
            when: date | None = on[row].item()
            text = wrong if other is None else f"{wrong}, {other[row]}"
            found.append((int(row), Finding(patients[int(row)], when, field, text, right)))

    nat = np.full(start.shape, np.datetime64("NaT", "D"), dtype="datetime64[D]")

    def known(dates: Dates | None) -> Dates:
        return nat if dates is None else np.where(np.asarray(dates) <= last, dates, nat).astype("datetime64[D]")

    death = known(of.death)
    say(np.isnat(start), start, "start", "is missing", "a time to event begins at the first dose or randomisation")
    none, out = "no time to event is given", "it is left out"
    for field, right in (
        ("death", none),
        ("new_therapy", none),
        ("treatment_end", none),
        ("progression", out),
        ("last_alive", out),
    ):
        on = known(getattr(of, field))
        say(on < start, on, field, "lies before the start", right, start)
    for field in ("last_alive", "new_therapy", "treatment_end", "progression"):
        on = known(getattr(of, field))
        say(on > death, on, field, "lies after death", "one of the two dates is wrong", death)
    if of.assessed is not None and of.response is not None:
        response = np.asarray(of.response)
        given = ~np.isin(response, [Response.ABSENT, Response.NONE])
        for k in range(response.shape[1]):
            at, held = known(np.asarray(of.assessed)[:, k]), given[:, k]
            undated = held & np.isnat(np.asarray(of.assessed)[:, k])
            say(undated, nat, "assessed", "is missing for an assessment with a response", out)
            say(held & (at < start), at, "assessed", "lies before the start", out, start)
            say(held & (at > death), at, "assessed", "lies after death", "one of the two dates is wrong", death)
            for j in range(k):
                same = held & given[:, j] & (at == known(np.asarray(of.assessed)[:, j]))
                same &= response[:, j] != response[:, k]
                say(same, at, "response", "is different at two assessments on one day", "progression counts first")
    order = sorted(found, key=lambda f: (f[0], f[1].on or date.min, f[1].field))
    return tuple(f for _, f in order)
