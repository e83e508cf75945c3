"""Where one lands: what waits for somebody, oldest first."""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from posology.conduct.dlt_status import dlt_statuses
from posology.conduct.open_matters import open_matters
from posology.conduct.review import open_queries, to_review
from posology.record.facts import DecisionSigned, DltAdjudicated
from posology.record.review import EventReviewed
from posology.web.render import show
from posology.web.rooms import View
from posology.web.trial_pages import in_trial

SOON = timedelta(days=7)
RECENT = 25


@in_trial()
def work_list(request: Request, view: View) -> Response:
    """Show what waits: judgements, signatures, windows that end, what was recorded last."""
    statuses = [s for s in dlt_statuses(view.state, view.plan, view.day) if view.sees(s.patient)]
    reviews = view.may_record(EventReviewed)
    return show(
        request,
        "work_list.html",
        view=view,
        to_judge=[s for s in statuses if s.outcome == "awaiting judgement"],
        ending=sorted(
            (s for s in statuses if s.until and view.day <= s.until <= view.day + SOON),
            key=lambda s: (s.until, s.patient),
        ),
        matters=open_matters(view.state, view.day) if view.site is None else [],
        unsigned=[d for d in view.state.trial.decisions if not d.in_force and d.rejection is None]
        if view.site is None
        else [],
        may_judge=view.may_record(DltAdjudicated),
        may_sign=view.may_record(DecisionSigned),
        queries=[q for q in open_queries(view.state) if view.sees(q.raised.patient)],
        to_review=[
            (patient.id, number)
            for patient in view.state.patients.values()
            if reviews and view.sees(patient.id) and (number := len(to_review(patient, view.person.account)))
        ],
        reviews=reviews,
        recent=list(reversed(view.events[-RECENT:])),
    )
