"""The rules of conduct for the committee and the sponsor: decisions, signatures, amendments, cutoffs."""

from __future__ import annotations

import difflib

from posology.conduct.advice import too_toxic
from posology.conduct.open_level import BESIDE, OpenLevel
from posology.conduct.rules import EventRequest, absolute, reads
from posology.protocol.amendments import amend
from posology.protocol.load import check_version
from posology.record import facts as f
from posology.record.binding import SignedDecision
from posology.shared.text import counted, lookalike_key

OPENING = ("escalate", "expand", "de-escalate", "open backfill", "open cohort")
"""Actions that give slots."""


def _earlier(request: EventRequest) -> list[SignedDecision]:
    """Return the decisions taken before this one."""
    order = request.state.order
    return [d for d in request.state.trial.decisions if order(d.event)[1] < request.entered]


# Decisions ------------------------------------------------------------------------------------------------------------


@absolute
def level_exists(request: EventRequest) -> str | None:
    """A decision names a level of the protocol where its action needs one."""
    fact = request.fact
    if fact.action == "stop":
        return None if fact.level is None else "stopping opens no level"
    if fact.level is None:
        return f"to {fact.action}, name the level"
    if fact.level > request.plan.levels:
        return f"there is no level {fact.level}; the protocol has levels 1 to {request.plan.levels}"
    if fact.closed_from is not None and fact.closed_from <= fact.level:
        return f"level {fact.level} cannot be opened and closed (from {fact.closed_from}) at once"
    return None


@absolute
def cohort_exists(request: EventRequest) -> str | None:
    """A decision names an expansion cohort of the protocol where its action is about one, and only there."""
    cohort, cohorts = request.fact.cohort, request.plan.protocol.expansion
    if not request.fact.action.endswith("cohort"):
        return None if cohort is None else f"to {request.fact.action} is about dose finding, not about a cohort"
    if cohort is None:
        return f"to {request.fact.action}, name the cohort"
    if cohort not in cohorts:
        return f"there is no cohort {cohort!r}; there are {', '.join(cohorts) or 'none'}"
    return None


@reads(f.DecisionTaken, f.DecisionSigned)
def action_fits_level(request: EventRequest) -> str | None:
    """Escalating goes up by one level, expanding stays, de-escalating and backfilling go below."""
    fact, now = request.fact, request.open_level.level
    if fact.level is None:
        return None
    if fact.action == "escalate" and fact.level != now + 1:
        skipped = "skips a level" if fact.level > now + 1 else "is not above it"
        return f"the open level is {now}; level {fact.level} {skipped}"
    if fact.action == "expand" and fact.level != now:
        return f"the open level is {now}, not {fact.level}"
    if fact.action in ("de-escalate", "open backfill") and fact.level >= now:
        return f"the open level is {now}; level {fact.level} is not below it"
    if fact.action == "open cohort" and fact.level > request.open_level.highest:
        return f"the highest level opened is {request.open_level.highest}; level {fact.level} is above it"
    return _closes_what_is_open(request.open_level, fact)


def _closes_what_is_open(open_: OpenLevel, fact: f.DecisionTaken) -> str | None:
    if fact.action == "close backfill" and open_.backfill(fact.level) is None:
        return f"level {fact.level} is not open for backfilling"
    if fact.action == "close cohort" and fact.cohort and open_.cohort(fact.cohort, fact.level) is None:
        return f"{fact.cohort} is not open at level {fact.level}"
    return None


@reads(f.DecisionTaken, f.DecisionSigned)
def level_not_closed(request: EventRequest) -> str | None:
    """A level that was closed stays closed."""
    level, ceiling = request.fact.level, request.open_level.ceiling
    return f"level {level} was closed: the highest level left is {ceiling}" if level and level > ceiling else None


@reads(f.DecisionTaken, f.DecisionSigned)
def dose_finding_goes_on(request: EventRequest) -> str | None:
    """Once dose finding was stopped, nothing is opened or declared; after the MTD, nothing above it."""
    fact, open_ = request.fact, request.open_level
    if open_.stopped:
        return f"dose finding was stopped by {open_.reason()}"
    if open_.mtd is None or fact.level is None or fact.action in ("close backfill", "close cohort"):
        return None
    if fact.action == "open backfill":
        return f"dose finding is over: the MTD was declared by {open_.reason()}"
    if fact.level > open_.mtd:
        return f"level {open_.mtd} was declared the MTD by {open_.reason()}; level {fact.level} is above it"
    return None


def slots_given(request: EventRequest) -> str | None:
    """A decision that opens a level gives slots at it."""
    if request.fact.action in OPENING and request.fact.slots < 1:
        return f"to {request.fact.action}, say how many patients (slots)"
    return None


def cohort_is_evaluable(request: EventRequest) -> str | None:
    """The next level opens, and an MTD is declared, only once the cohort is evaluable."""
    if request.fact.action not in ("escalate", "declare MTD") or request.advice.settled:
        return None
    return "; ".join(map(str, request.advice.pending)) or request.advice.why


def no_higher_than_advised(request: EventRequest) -> str | None:
    """The committee may stay below what the design advises, with its reason; it does not go above it."""
    fact, advice = request.fact, request.advice
    at = f" at level {advice.level}" if advice.level else ""
    said = f"the design advises to {advice.action}{at}: {advice.why}"
    if advice.action in ("MTD declared", "stopped") or fact.action in ("stop", *BESIDE):
        return None  # what remains after the end of dose finding has a rule of its own
    if fact.action == "declare MTD":
        same = (advice.action, advice.level) == ("declare MTD", fact.level)
        return None if same or not advice.settled else said
    if fact.action == "escalate":
        return None if advice.action == "escalate" or not advice.settled else said
    lower = advice.level is None or fact.level is None or advice.level < fact.level
    if advice.action in ("stop", "de-escalate", "declare MTD") and lower:
        return said
    return None


def level_opened_is_safe(request: EventRequest) -> str | None:
    """No level is opened, for the escalation or beside it, that the design calls too toxic."""
    fact, advice = request.fact, request.advice
    advised = (fact.action, fact.level) == (advice.action, advice.level)
    if fact.action not in OPENING or fact.level is None or fact.level > request.plan.levels or advised:
        return None
    return too_toxic(request.state, request.occurred, fact.level)


def backfill_as_advised(request: EventRequest) -> str | None:
    """Under a backfilling design, a level is opened beside the escalation as the design has it, up to its cap."""
    fact, advice = request.fact, request.advice
    if fact.action != "open backfill" or request.plan.backfills is None:
        return None
    if fact.level not in advice.backfill:
        open_ = ", ".join(map(str, advice.backfill)) or "none"
        return f"the design opens no backfilling at level {fact.level} (levels open: {open_})"
    most = advice.backfill[fact.level]
    return f"{counted(fact.slots, 'slot')}; the cap leaves {most} at level {fact.level}" if fact.slots > most else None


def slots_as_advised(request: EventRequest) -> str | None:
    """The committee gives no more slots than the design advises, beyond the margin that the protocol states."""
    fact, advice = request.fact, request.advice
    if (fact.action, fact.level) != (advice.action, advice.level) or fact.action not in OPENING:
        return None
    margin = request.plan.protocol.committee.extra_slots
    if fact.slots <= advice.more + margin:
        return None
    return f"{counted(fact.slots, 'slot')}; the design asks for {advice.more}, and the protocol allows {margin} more"


def decisions_in_order(request: EventRequest) -> str | None:
    """A decision is signed or rejected before the next one is taken, and none is dated before the last."""
    for decided in _earlier(request):
        if not decided.in_force and decided.rejection is None:
            return f"decision {decided.fact.number} of {decided.event.occurred} is not signed ({decided.status})"
        if request.occurred < decided.event.occurred:
            return f"decision {decided.fact.number} was taken on {decided.event.occurred}, after {request.occurred}"
    return None


# Signatures -----------------------------------------------------------------------------------------------------------


@absolute
def decision_exists(request: EventRequest) -> str | None:
    """Only a decision that was taken can be signed, once by each name."""
    numbered = {d.fact.number: d for d in request.state.trial.decisions}
    decided = numbered.get(request.fact.decision)
    if decided is None:
        there = ", ".join(map(str, numbered)) or "none"
        return f"there is no decision {request.fact.decision}; there are {there}"
    if request.occurred < decided.event.occurred:
        return f"decision {request.fact.decision} was taken on {decided.event.occurred}, after {request.occurred}"
    for signature in decided.signatures:
        fact = signature.fact
        if not isinstance(fact, f.DecisionSigned) or signature is request.corrects:
            continue
        if lookalike_key(fact.name or "") == lookalike_key(request.fact.name or ""):
            return f"{fact.name} signed decision {request.fact.decision} (event {signature.seq})"
    return None


@absolute
def signed_by_its_author(request: EventRequest) -> str | None:
    """Everyone signs for themselves: the name is the author's."""
    if request.fact.name == request.author:
        return None
    return f"{request.author} cannot sign as {request.fact.name}"


@absolute
def signature_stands(request: EventRequest) -> str | None:
    """A signature is never corrected: it is voided, and given again."""
    return None if request.corrects is None else f"event {request.corrects.seq} is a signature: void it and sign again"


def meaning_is_known(request: EventRequest) -> str | None:
    """A signature approves, rejects, or says that its author has reviewed."""
    meaning = request.fact.meaning
    return None if meaning in f.MEANINGS else f"meaning is {meaning!r}: it must be {', '.join(f.MEANINGS)}"


def role_may_sign(request: EventRequest) -> str | None:
    """Those sign who must, by the protocol."""
    roles = request.plan.protocol.committee.sign
    if not roles or request.fact.role.casefold() in {role.casefold() for role in roles}:
        return None
    near = difflib.get_close_matches(request.fact.role, roles, n=1)
    also = f" (did you mean {near[0]}?)" if near else ""
    return f"the protocol has decisions signed by {', '.join(roles)}, not by {request.fact.role!r}{also}"


def not_rejected_in_force(request: EventRequest) -> str | None:
    """A decision in force is not rejected afterwards: another one is taken."""
    decided = next((d for d in request.state.trial.decisions if d.fact.number == request.fact.decision), None)
    if not request.fact.rejects or decided is None or not decided.in_force:
        return None
    return f"decision {request.fact.decision} is {decided.status}"


# The protocol, the cutoff ---------------------------------------------------------------------------------------------


@reads(f.ProtocolAmended)
def amendment_in_order(request: EventRequest) -> str | None:
    """An amendment has a version of its own and is not dated before the last one."""
    created = request.state.trial.first(f.TrialCreated)
    versions = [(created, created.fact.protocol["trial"]["version"])] if created else []  # type: ignore[attr-defined]
    versions += [(event, event.fact.version) for event in request.others(f.ProtocolAmended)]  # type: ignore[attr-defined]
    for event, version in versions:
        if version == request.fact.version:
            return f"version {version} is in the record already, from {event.occurred} (event {event.seq})"
        if request.occurred < event.occurred and request.state.order(event)[1] < request.entered:
            return f"version {version} holds from {event.occurred} (event {event.seq}), after {request.occurred}"
    return None


@absolute
def amendment_is_valid(request: EventRequest) -> str | None:
    """An amendment is of this trial, and leaves a protocol that is valid."""
    before = [d for day, d in request.state.trial.documents if day <= request.occurred]
    if not before:
        return None
    changed = (request.fact.changes.get("trial") or {}) if isinstance(request.fact.changes, dict) else {}
    if isinstance(changed, dict) and changed.get("id", before[-1]["trial"]["id"]) != before[-1]["trial"]["id"]:
        return f"it is of trial {changed['id']}; this is {before[-1]['trial']['id']}"
    stamp = {"version": request.fact.version, "date": str(request.occurred), "changes": request.fact.changes}
    wrong = [
        f"{'.'.join(map(str, path)) or 'protocol'} {text}" + (f" ({right})" if right else "")
        for path, text, right in check_version(amend(before[-1], stamp))
    ]
    return f"version {request.fact.version} would not be valid: {'; '.join(wrong[:5])}" if wrong else None


@reads(f.ProtocolAmended)
def amendment_rests_on_its_version(request: EventRequest) -> str | None:
    """An amendment changes the version that it was written for."""
    if request.event is None:
        return None
    earlier = [e for e in request.others(f.ProtocolAmended) if request.state.order(e) < request.moment]
    base = earlier[-1] if earlier else request.state.trial.first(f.TrialCreated)
    if base is None:
        return None
    amends = request.fact.amends
    holds = base.seq < request.event.seq if amends is None else base.hash == amends
    return None if holds else f"it was written for another version than event {base.seq} now holds"


def cutoff_is_past(request: EventRequest) -> str | None:
    """A data cutoff is locked on or after its day, once."""
    if request.fact.cutoff > request.occurred:
        return f"the cutoff {request.fact.cutoff} is after {request.occurred}"
    for lock in request.others(f.CutoffLocked):
        if isinstance(lock.fact, f.CutoffLocked) and lock.fact.cutoff == request.fact.cutoff:
            return f"the cutoff {request.fact.cutoff} was locked on {lock.occurred} (event {lock.seq})"
    return None
