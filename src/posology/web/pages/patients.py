"""The patients: who is where, and one patient's whole course on one axis."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from posology.conduct.dlt_status import dlt_statuses
from posology.conduct.eligibility import check, criteria
from posology.conduct.overview import overview
from posology.conduct.people_rules import site_of
from posology.record.fact import KINDS
from posology.record.facts import Consented
from posology.web.render import show
from posology.web.rooms import View
from posology.web.timeline import timeline
from posology.web.trial_pages import in_trial, not_found


@in_trial()
def patients(request: Request, view: View) -> Response:
    """List the patients that the person sees."""
    rows = [(row, site_of(view.state, row.patient)) for row in overview(view.state, view.day) if view.sees(row.patient)]
    return show(request, "patients.html", view=view, rows=rows, may_consent=view.may_record(Consented))


@in_trial()
def patient(request: Request, view: View) -> Response:
    """Show one patient: the timeline, what was recorded, what can be entered."""
    known = view.state.patients.get(request.path_params["patient"])
    if known is None or not view.sees(known.id):
        return not_found(request, "There is no such patient, or none that you may see.")
    status = next((s for s in dlt_statuses(view.state, view.plan, view.day) if s.patient == known.id), None)
    row = next(r for r in overview(view.state, view.day) if r.patient == known.id)
    protocol = view.plan.protocol
    return show(
        request,
        "patient.html",
        view=view,
        patient=known,
        row=row,
        site=site_of(view.state, known.id),
        standing=status,
        drawing=timeline(known, view.plan, view.day),
        criteria=check(known, criteria(protocol, known.cohort), on=view.day, versions=view.state.trial.protocols),
        kinds=[k for k in KINDS.values() if k.about == "patient" and isinstance(k.verb, str) and view.may_record(k)],
        author=view.author,
    )
