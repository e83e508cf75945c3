"""The committee's decisions: proposed beside the design's advice, signed by role, in force only as signed."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from posology.conduct.ahead import look_ahead
from posology.conduct.dlt_status import dlt_statuses
from posology.conduct.readiness import gaps, readiness
from posology.record.binding import SignedDecision
from posology.record.event import Event
from posology.record.facts import MEANINGS, DecisionSigned, DecisionTaken
from posology.web.accounts import AccountError
from posology.web.forms import Outcome, filled, posted_once, read_fact, tried
from posology.web.render import show
from posology.web.rooms import View
from posology.web.trial_pages import in_trial, not_found


def _whole(view: View) -> bool:
    return view.may_read and view.site is None


def _decides(view: View) -> bool:
    return _whole(view) and view.may_record(DecisionTaken)


@in_trial(_whole)
def decisions(request: Request, view: View) -> Response:
    """List the decisions."""
    return show(request, "decisions.html", view=view, decisions=view.state.trial.decisions, may_decide=_decides(view))


@in_trial(_decides)
def propose(request: Request, view: View) -> Response:
    """Take a decision beside the advice: frozen at the head that the form was made at."""
    trial = view.room.trial
    form, gap = request.state.form, gaps(readiness(view.state, view.day))
    moved: list[Event] = []
    outcome = Outcome()
    if request.method == "POST":
        seen = int(form["head"]) if form.get("head", "").isascii() and form.get("head", "").isdigit() else 0
        moved = [e for e in trial.events() if e.seq > seen]
        problems = {}
        if gap and not form.get("reason", "").strip():
            problems["reason"] = f"not all is ready: say why the committee decides nevertheless ({gap})"
        if not moved and not problems:

            def act() -> str | Response:
                nonlocal outcome
                outcome = tried(DecisionTaken, lambda: _take(view, form))
                if outcome.event is None:
                    return _proposal(request, view, outcome, moved)
                return f"/t/{view.room.name}/decisions/{outcome.event.fact.number}"  # type: ignore[attr-defined]

            return posted_once(request, request.app.state.accounts, act)
        outcome = Outcome(problems=problems)
    return _proposal(request, view, outcome, moved)


def _take(view: View, form: dict[str, str]) -> Event:
    fact, day = read_fact(DecisionTaken, form, view.day)
    return view.room.trial.record(
        fact,
        occurred=day,
        by=view.person.account,
        reason=form.get("reason", "").strip() or None,
        override=form.get("override", "").strip() or None,
    )


def _proposal(request: Request, view: View, outcome: Outcome, moved: list[Event]) -> Response:
    trial = view.room.trial
    advice, form = trial.advise(), request.state.form
    suggested: dict[str, str] = {}
    if advice.action in ("escalate", "expand", "de-escalate", "declare MTD", "stop"):
        suggested |= {"action": advice.action, "slots": str(advice.more)}
        suggested |= {"level": str(advice.level)} if advice.level else {}
    wrong = outcome.problems or {}
    refused = bool(wrong or outcome.refusals or moved or outcome.conflict)
    return show(
        request,
        "propose.html",
        400 if refused else 200,
        view=view,
        advice=advice,
        ahead=look_ahead(view.state, view.day, advice),
        readiness=readiness(view.state, view.day),
        gap=gaps(readiness(view.state, view.day)),
        fields=filled(DecisionTaken, form or suggested, wrong),
        form=form,
        problems=wrong,
        outcome=outcome,
        moved=moved,
        head=trial.events()[-1],
    )


@in_trial(_whole)
def decision(request: Request, view: View) -> Response:
    """Show one decision with its signatures; sign it."""
    decided = _find(view, request.path_params["number"])
    if decided is None:
        return not_found(request, "There is no such decision in effect.")
    problem, outcome = "", Outcome()
    if request.method == "POST" and view.may_record(DecisionSigned):

        def act() -> str | Response:
            nonlocal problem, outcome
            problem, outcome = _sign(request, view, decided)
            if problem or outcome.event is None:
                return _decision_page(request, view, decided, problem, outcome)
            return f"/t/{view.room.name}/decisions/{decided.fact.number}"

        return posted_once(request, request.app.state.accounts, act)
    return _decision_page(request, view, decided, problem, outcome)


def _find(view: View, number: str) -> SignedDecision | None:
    wanted = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else 0
    return next((d for d in view.state.trial.decisions if d.fact.number == wanted), None)


def _sign(request: Request, view: View, decided: SignedDecision) -> tuple[str, Outcome]:
    """Sign a decision as it was shown: both components at the first signing of a session, the password after that."""
    form, person, accounts = request.state.form, view.person, request.app.state.accounts
    if form.get("signed") != decided.event.hash:
        return "the decision was changed since this page was made: look at it again, then sign", Outcome()
    if accounts is not None:
        try:
            accounts.confirm(
                person.account,
                form.get("password", ""),
                form.get("code", ""),
                act="signing",
                need_code=not person.signed,
            )
        except AccountError as error:
            return str(error), Outcome()
    fact = DecisionSigned(
        decision=decided.fact.number or 0,
        role=form.get("role", "").strip() or _own_role(view),
        meaning=form.get("meaning", ""),
    )
    outcome = tried(DecisionSigned, lambda: view.room.trial.record(fact, by=person.account))
    if outcome.event is not None and accounts is not None:
        accounts.note_signed(person.token)
    return "", outcome


def _own_role(view: View) -> str:
    return view.access.role if view.access else "committee"


def _decision_page(request: Request, view: View, decided: SignedDecision, problem: str, outcome: Outcome) -> Response:
    level = decided.fact.level
    statuses = dlt_statuses(view.state, view.plan, view.day)
    levels = {level, (decided.fact.advice or {}).get("level"), *_counted(decided)}
    accounts = request.app.state.accounts
    return show(
        request,
        "decision.html",
        400 if problem or outcome.refusals or outcome.problems else 200,
        view=view,
        decided=decided,
        advice=decided.fact.advice or {},
        statuses=[s for s in statuses if s.level in levels],
        since=[e for e in view.events if e.seq > decided.event.seq],
        signed=lambda event: view.author(event.author),
        may_sign=view.may_record(DecisionSigned),
        needs_password=accounts is not None,
        needs_code=accounts is not None and view.person.has_factor and not view.person.signed,
        roles=decided.required or (_own_role(view),),
        own_role=_own_role(view),
        meanings=MEANINGS,
        problem=problem,
        outcome=outcome,
    )


def _counted(decided: SignedDecision) -> set[int]:
    counts = (decided.fact.advice or {}).get("counts", ())
    return {c["level"] for c in counts if c["treated"]}
