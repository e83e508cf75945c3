"""Entering what happened, and correcting it: a form for each kind of event, made from the kind itself."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from posology.conduct.remarks import remarks
from posology.conduct.review import queries_of, reviews_of
from posology.record.entry_fields import entry_fields
from posology.record.event import Event
from posology.record.fact import KINDS, Fact
from posology.record.facts import DecisionSigned, DecisionTaken, Voided
from posology.record.review import ABOUT_DATA, EventReviewed, QueryRaised
from posology.shared.text import first_paragraph
from posology.shared.typed_dates import in_words
from posology.web.forms import Outcome, as_typed, filled, posted_once, read_fact, tried
from posology.web.render import show
from posology.web.rooms import View
from posology.web.trial_pages import in_trial, not_found

OWN_PAGES = (DecisionTaken, DecisionSigned)
"""Kinds that have a page of their own."""


@in_trial(lambda view: view.may_read or view.may_manage)
def enter(request: Request, view: View) -> Response:
    """Enter one event."""
    kind = KINDS.get(request.path_params["kind"])
    if kind is None or not isinstance(kind.verb, str) or kind in OWN_PAGES or not view.may_record(kind):
        return not_found(request)
    form = request.state.form
    patient = (form.get("patient") or request.query_params.get("patient", "")).strip()
    known = view.state.patients.get(patient)
    if kind.about == "patient" and known is not None and not view.sees(patient):
        return not_found(request)
    outcome = Outcome()
    if request.method == "POST":

        def act() -> str | Response:
            nonlocal outcome
            outcome = tried(kind, lambda: _record(view, kind, patient, form))
            if outcome.event is None:
                return _form(request, view, kind, patient, outcome)
            return _after(view, kind, outcome.event)

        return posted_once(request, request.app.state.accounts, act)
    return _form(request, view, kind, patient, outcome)


def _record(view: View, kind: type[Fact], patient: str, form: dict[str, str]) -> Event:
    fact, day = read_fact(kind, form, view.day)
    return view.room.trial.record(
        fact,
        patient=patient if kind.about == "patient" else None,
        occurred=day,
        by=view.person.account,
        reason=form.get("reason", "").strip() or None,
        override=_override(form),
    )


def _override(form: dict[str, str]) -> str | None:
    """Return which rules are set aside and why, if the form says so."""
    rules, why = form.get("aside", "").strip(), form.get("aside_why", "").strip()
    return f"{rules}: {why}" if rules and why else None


def _after(view: View, kind: type[Fact], event: Event) -> str:
    if kind.about == "patient":
        return f"/t/{view.room.name}/patients/{event.patient}?recorded={event.seq}"
    return f"/t/{view.room.name}/people" if view.may_manage else f"/t/{view.room.name}/events/{event.seq}"


def _form(request: Request, view: View, kind: type[Fact], patient: str, outcome: Outcome) -> Response:
    form = request.state.form
    wrong = outcome.refusals or outcome.problems or outcome.conflict
    known = view.state.patients.get(patient)
    last = known.last(kind) if known else None
    given = {f.name: request.query_params[f.name] for f in entry_fields(kind) if f.name in request.query_params}
    return show(
        request,
        "enter.html",
        400 if wrong else 200,
        view=view,
        kind=kind,
        title=kind.kind.replace("_", " ").capitalize(),
        about=first_paragraph(kind.__doc__),
        patient=patient,
        is_new=kind.about == "patient" and known is None,
        fields=filled(kind, form or given, outcome.problems),
        form=form,
        outcome=outcome,
        last=last,
        today=in_words(view.day),
    )


@in_trial()
def event(request: Request, view: View) -> Response:
    """Show one event with its history; correct or void it."""
    seq = request.path_params["seq"]
    history = _history(view, seq)
    if not history:
        return not_found(request)
    current = history[-1]
    kind = KINDS[next(e.kind for e in history if e.kind != Voided.kind)]
    voided = current.kind == Voided.kind
    may = view.may_record(kind) and not voided and isinstance(kind.verb, str)
    form, outcome = request.state.form, Outcome()
    if request.method == "POST" and may:

        def act() -> str | Response:
            nonlocal outcome
            outcome = tried(kind, lambda: _change(view, kind, current, form))
            if outcome.event is None:
                return _event_page(request, view, kind, history, may, outcome)
            return f"/t/{view.room.name}/events/{outcome.event.seq}"

        return posted_once(request, request.app.state.accounts, act)
    return _event_page(request, view, kind, history, may, outcome)


def _history(view: View, seq: int) -> list[Event]:
    """Return an event with what it corrects and what corrects it, first to last."""
    seen = {e.seq: e for e in view.events}
    if seq not in seen:
        return []
    first = seq
    while (before := seen[first].supersedes) is not None and before in seen:
        first = before
    line = [seen[first]]
    later = {e.supersedes: e for e in view.events if e.supersedes is not None}
    while line[-1].seq in later:
        line.append(later[line[-1].seq])
    return line


def _change(view: View, kind: type[Fact], current: Event, form: dict[str, str]) -> Event:
    """Correct or void an event as it was shown."""
    trial, by, reason = view.room.trial, view.person.account, form.get("reason", "").strip()
    if form.get("do") == "void":
        return trial.void(current.seq, by=by, reason=reason, override=_override(form))
    fact, day = read_fact(kind, form, view.day)
    changes: dict[str, Any] = {f.name: getattr(fact, f.name) for f in entry_fields(kind)}
    return trial.correct(current.seq, by=by, reason=reason, occurred=day, override=_override(form), **changes)


def _event_page(
    request: Request, view: View, kind: type[Fact], history: list[Event], may: bool, outcome: Outcome
) -> Response:
    current, form = history[-1], request.state.form
    shown = next(e for e in reversed(history) if e.kind != Voided.kind)
    typed = form or (as_typed(shown.fact) | {"occurred": in_words(shown.occurred)})
    wrong = outcome.refusals or outcome.problems or outcome.conflict
    patient = view.state.patients.get(current.patient or "")
    about = {e.seq for e in history}
    return show(
        request,
        "event.html",
        400 if wrong else 200,
        view=view,
        kind=kind,
        title=kind.kind.replace("_", " ").capitalize(),
        history=list(reversed(history)),
        current=current,
        may=may and kind not in OWN_PAGES[1:],
        fields=filled(kind, typed, outcome.problems),
        typed=typed,
        form=form,
        outcome=outcome,
        author=view.author,
        queries=[q for q in queries_of(view.state, patient) if q.raised.fact.event in about] if patient else [],  # type: ignore[attr-defined]
        marks=reviews_of(patient).get(current.hash, ()) if patient else (),
        remarks=remarks(view.state, current),
        may_ask=view.may_record(QueryRaised) and patient is not None and kind not in ABOUT_DATA,
        may_review=view.may_record(EventReviewed) and patient is not None and kind not in ABOUT_DATA,
    )
