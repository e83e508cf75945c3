"""The rules of conduct for a patient on treatment: doses, toxicity, lesions, leaving."""

from __future__ import annotations

from posology.conduct.derived_fields import planned_mg
from posology.conduct.protocol_in_force import reopened
from posology.conduct.rules import EventRequest, absolute, not_in_force, reads
from posology.endpoints.ctcae_terms import CODE, find_term
from posology.record import facts as f
from posology.record.binding import Toxicity
from posology.shared.text import counted

# Doses ----------------------------------------------------------------------------------------------------------------


@absolute
def dose_level_exists(request: EventRequest) -> str | None:
    """A dose is of a level of the protocol."""
    levels = request.plan.levels
    return f"there is no level {request.fact.level}; there are 1 to {levels}" if request.fact.level > levels else None


@reads(f.Enrolled, late=False)
def enrolled_before_dosing(request: EventRequest) -> str | None:
    """Only an enrolled patient is treated."""
    slot = request.patient.enrolment
    if slot is None:
        return f"{request.patient_id} is not enrolled"
    if request.occurred < slot.occurred:
        return f"{request.patient_id} was enrolled on {slot.occurred} (event {slot.seq}), after {request.occurred}"
    return None


@reads(f.Discontinued, f.Died)
def on_treatment(request: EventRequest) -> str | None:
    """Nothing is given or changed once a patient has left treatment."""
    end = request.before.off_treatment
    if end is None or request.occurred < end.occurred:
        return None
    return f"{request.patient_id} left treatment on {end.occurred} (event {end.seq})"


@reads(f.DecisionTaken, f.DecisionSigned)
def not_above_the_open_level(request: EventRequest) -> str | None:
    """No dose above the highest level that is open."""
    highest = request.open_level.highest
    if request.fact.level <= highest:
        return None
    why = (
        f"closed by {request.open_level.reason()}"
        if request.open_level.ceiling < request.fact.level
        else "not opened by any decision"
    )
    return f"level {request.fact.level} is {why}; the highest open level is {highest}{not_in_force(request)}"


@reads(f.Enrolled, f.DoseReduced, f.Dosed)
def at_the_assigned_level(request: EventRequest) -> str | None:
    """A patient gets the level assigned, or the one it was reduced to."""
    level = request.before.current_level
    if level is None or request.fact.level == level:
        return None
    reduced = request.before.last(f.DoseReduced)
    how = f"reduced to on {reduced.occurred} (event {reduced.seq})" if reduced else "assigned"
    return f"{request.patient_id} is at level {level}, {how}; level {request.fact.level} was asked for"


def dose_as_planned(request: EventRequest) -> str | None:
    """The dose given is the planned one, within the protocol's tolerance."""
    planned, actual = request.fact.planned_mg, request.fact.actual_mg
    tolerance = request.plan.protocol.dose.tolerance_percent
    if planned is None:
        return (
            f"the planned dose cannot be computed: {request.plan.protocol.dose.body_size} needs the patient's height"
            " and sex"
        )
    if abs(actual - planned) <= planned * tolerance / 100 + 1e-9:
        return None
    return (
        f"{actual:g} mg was given, {planned:g} mg planned: {100 * (actual / planned - 1):+.1f} %, more than"
        f" {tolerance:g} %"
    )


@reads(f.Screened)
def planned_dose_holds(request: EventRequest) -> str | None:
    """The planned dose follows from the patient's size as it is recorded."""
    if request.event is None:
        return None
    planned = planned_mg(request.fact, request.before, request.plan.protocol.dose)
    if planned == request.fact.planned_mg:
        return None
    return f"{request.fact.planned_mg} mg was planned from a height or sex changed since: it would be {planned} mg"


WEIGHT_CHANGE = 0.25


@reads(f.Screened, late=False)
def weight_is_plausible(request: EventRequest) -> str | None:
    """The weight at a dose is within 25 % of the one recorded before."""
    weighed = [e for e in (*request.before.of(f.Screened), *request.before.doses) if e.fact.weight_kg]  # type: ignore[attr-defined]
    last = max(weighed, key=request.state.order, default=None)
    if last is None:
        return None
    known, now = last.fact.weight_kg, request.fact.weight_kg  # type: ignore[attr-defined]
    if abs(now - known) <= WEIGHT_CHANGE * known:
        return None
    return f"{now:g} kg; {known:g} kg was recorded on {last.occurred} (event {last.seq})"


@reads(f.Dosed)
def doses_in_order(request: EventRequest) -> str | None:
    """Each dose has a cycle and day of its own, follows the one before, and is not given early."""
    schedule = request.plan.protocol.schedule
    if request.fact.day not in schedule.dosing_days:
        return (
            f"day {request.fact.day} is no dosing day; the protocol doses on day"
            f" {', '.join(map(str, schedule.dosing_days))}"
        )
    now = (request.fact.cycle, request.fact.day)
    given = [(e, e.fact) for e in request.patient.doses if isinstance(e.fact, f.Dosed)]
    for event, dose in given:
        if (dose.cycle, dose.day) == now:
            return f"cycle {dose.cycle} day {dose.day} was given on {event.occurred} (event {event.seq})"
    later = [(e, d) for e, d in given if (d.cycle, d.day) > now and e.occurred < request.occurred]
    if later:
        event, dose = later[0]
        return (
            f"cycle {dose.cycle} day {dose.day} was given on {event.occurred} (event {event.seq}), before"
            f" {request.occurred}"
        )
    before = [(e, d) for e, d in given if (d.cycle, d.day) < now]
    if not before:
        return f"the first dose is cycle 1, not {request.fact.cycle}" if request.fact.cycle != 1 else None
    event, dose = max(before, key=lambda one: (one[1].cycle, one[1].day))
    if request.fact.cycle > dose.cycle + 1:
        return f"cycle {dose.cycle} was the last one given; cycle {request.fact.cycle} skips one"
    due = (request.fact.cycle - dose.cycle) * schedule.cycle_days + request.fact.day - dose.day
    if (request.occurred - event.occurred).days < due - schedule.window_days:
        return (
            f"cycle {dose.cycle} day {dose.day} was given on {event.occurred}; this dose is due {counted(due, 'day')} later "
            f"(at most {counted(schedule.window_days, 'day')} early), not {(request.occurred - event.occurred).days}"
        )
    return None


@reads(f.Enrolled, f.DoseReduced, f.Dosed)
def to_a_defined_lower_level(request: EventRequest) -> str | None:
    """A dose is reduced only to a defined lower level."""
    level = request.before.current_level
    if level is None:
        return f"{request.patient_id} has no dose level"
    return (
        None
        if request.fact.to_level < level
        else f"{request.patient_id} is at level {level}; {request.fact.to_level} is not lower"
    )


@reads(f.DoseReduced)
def reductions_left(request: EventRequest) -> str | None:
    """No more dose reductions than the protocol allows."""
    done, allowed = len(request.before.of(f.DoseReduced)), request.plan.protocol.modification.maximum_reductions
    return f"{counted(done, 'reduction')} made; the protocol allows {allowed}" if done >= allowed else None


def delay_allowed(request: EventRequest) -> str | None:
    """A dose is not delayed longer than the protocol allows."""
    allowed = request.plan.protocol.modification.maximum_delay_days
    return (
        f"{counted(request.fact.days, 'day')} asked for; the protocol allows {allowed}"
        if request.fact.days > allowed
        else None
    )


# Toxicity -------------------------------------------------------------------------------------------------------------


def _named(request: EventRequest) -> Toxicity | None:
    return next((t for t in request.patient.toxicities if t.fact.ae == request.fact.ae), None)


def ae_number_is_unique(request: EventRequest) -> str | None:
    """Each adverse event of a patient has a number of its own."""
    for event in request.patient.of(f.AdverseEvent):
        if event.fact.ae == request.fact.ae:  # type: ignore[attr-defined]
            term = event.fact.term  # type: ignore[attr-defined]
            return (
                f"adverse event {request.fact.ae} of {request.patient_id} is {term} (event {event.seq}): correct"
                " that one"
            )
    return None


def term_is_a_name(request: EventRequest) -> str | None:
    """The term of an adverse event is a name, and no code of MedDRA."""
    term = request.fact.term.strip()
    if not CODE.fullmatch(term):
        return None
    known = find_term(term)
    return f"{term} is a code" + (f": enter its term, {known.name}" if known else ", of no term of CTCAE: enter a term")


@absolute
@reads(f.AdverseEvent, late=False)
def ae_number_is_known(request: EventRequest) -> str | None:
    """Only an adverse event that is recorded can be resolved or judged, and not before its onset."""
    known = _named(request)
    if known is None:
        numbers = ", ".join(t.fact.ae for t in request.patient.toxicities) or "none"
        return f"{request.patient_id} has no adverse event {request.fact.ae}; recorded: {numbers}"
    if request.occurred < known.event.occurred:
        return f"its onset was on {known.event.occurred} (event {known.event.seq}), after {request.occurred}"
    return None


def resolved_once(request: EventRequest) -> str | None:
    """An adverse event ends once."""
    known = _named(request)
    return f"it ended on {known.resolved.occurred} (event {known.resolved.seq})" if known and known.resolved else None


def judged_once(request: EventRequest) -> str | None:
    """An adverse event is judged once, as it stands; a new judgement corrects the old."""
    known = _named(request)
    if known and known.adjudicated and known.adjudicated.seq < request.entered:
        open_again = reopened(request.state, request.patient, known, request.occurred)
        if open_again is None:
            return f"it was judged on {known.adjudicated.occurred} (event {known.adjudicated.seq})"
    return None


def judged_by_the_definition(request: EventRequest) -> str | None:
    """What is judged a DLT meets the protocol's definition, and what is judged none does not."""
    known = _named(request)
    if known is None:
        return None
    meets, why = request.plan.meets_definition(request.patient, known, request.occurred)
    if meets is None or meets == request.fact.dlt:
        return None
    return f"by the definition it is {'' if meets else 'not '}a DLT: {why}"


# Activity -------------------------------------------------------------------------------------------------------------


def lesion_measured_once(request: EventRequest) -> str | None:
    """Each lesion, or each fragment of one that has split, is recorded once an assessment."""
    lesion, assessment, part = request.fact.lesion, request.fact.assessment, request.fact.fragment
    for event in request.patient.of(f.LesionMeasured):
        known: f.LesionMeasured = event.fact  # type: ignore[assignment]
        if known.assessment == assessment and known.lesion == lesion and (known.fragment or 1) == (part or 1):
            return f"lesion {lesion} at assessment {assessment} is event {event.seq}: correct that one"
    return None


@reads(f.LesionMeasured)
def lesion_keeps_its_role(request: EventRequest) -> str | None:
    """A lesion keeps its role, organ and kind; target and non-target lesions begin at the baseline, new ones after it."""
    fact: f.LesionMeasured = request.fact
    if fact.role == "new" and fact.assessment == 0:
        return f"lesion {fact.lesion} is new at the baseline"
    in_baseline = fact.assessment == 0 or fact.role == "new"
    for event in request.patient.of(f.LesionMeasured):
        known = event.fact
        assert isinstance(known, f.LesionMeasured)
        if known.lesion == fact.lesion:
            if (known.role, known.organ, known.nodal) != (fact.role, fact.organ, fact.nodal):
                node = " node" if known.nodal else ""
                return f"lesion {fact.lesion} is a {known.role} lesion, {known.organ}{node} (event {event.seq})"
            in_baseline |= known.assessment == 0
    if not in_baseline:
        return (
            f"lesion {fact.lesion} is not in the baseline: a lesion seen first at assessment {fact.assessment} is new"
        )
    return None


def lesion_has_value(request: EventRequest) -> str | None:
    """A target lesion has a diameter or the reason why not; the others have a status."""
    fact: f.LesionMeasured = request.fact
    if fact.role == "target":
        if fact.diameter_mm is None and fact.status not in (
            "absent",
            "too small to measure",
            "not evaluable",
            "merged",
        ):
            return (
                f"target lesion {fact.lesion} has neither a diameter nor a status absent, too small to measure or not"
                " evaluable"
            )
        if fact.diameter_mm is not None and fact.status in ("absent", "not evaluable", "merged"):
            return f"target lesion {fact.lesion} is {fact.status} and measures {fact.diameter_mm:g} mm"
        return None
    return None if fact.status else f"{fact.role} lesion {fact.lesion} has no status"


@reads(f.Dosed)
def baseline_before_treatment(request: EventRequest) -> str | None:
    """The baseline is assessed before the first dose, later assessments after it."""
    first = request.patient.first_dose
    if first is None:
        return (
            None
            if request.fact.assessment == 0
            else f"{request.patient_id} has not been treated: only assessment 0 fits"
        )
    if request.fact.assessment == 0 and request.occurred > first.occurred:
        return f"the first dose was given on {first.occurred} (event {first.seq}), before this baseline"
    if request.fact.assessment > 0 and request.occurred <= first.occurred:
        return (
            f"the first dose was given on {first.occurred} (event {first.seq}), not before assessment"
            f" {request.fact.assessment}"
        )
    return None


def assessments_in_order(request: EventRequest) -> str | None:
    """Assessments are numbered in the order of their days."""
    known = request.patient.of(f.LesionMeasured)
    if known and known[-1].fact.assessment == request.fact.assessment and known[-1].occurred == request.occurred:  # type: ignore[attr-defined]
        return None  # one more lesion of the assessment that was the last one entered, in order
    for event in (*known, *request.patient.of(f.TumourAssessed)):
        number = event.fact.assessment  # type: ignore[attr-defined]
        if number < request.fact.assessment and event.occurred > request.occurred:
            return f"assessment {number} is of {event.occurred} (event {event.seq}), after {request.occurred}"
        if number > request.fact.assessment and event.occurred < request.occurred:
            return f"assessment {number} is of {event.occurred} (event {event.seq}), before {request.occurred}"
    return None


def assessed_once(request: EventRequest) -> str | None:
    """The investigator reads an assessment once."""
    for event in request.patient.of(f.TumourAssessed):
        if event.fact.assessment == request.fact.assessment:  # type: ignore[attr-defined]
            return f"assessment {request.fact.assessment} was read (event {event.seq}): correct that one"
    return None


def marker_measured_once(request: EventRequest) -> str | None:
    """A marker is recorded once a day."""
    for event in request.patient.of(f.MarkerMeasured):
        if event.occurred == request.occurred and event.fact.marker == request.fact.marker:  # type: ignore[attr-defined]
            return f"{request.fact.marker} of {request.occurred} is event {event.seq}: correct that one"
    return None


# Leaving --------------------------------------------------------------------------------------------------------------


def discontinued_once(request: EventRequest) -> str | None:
    """A patient leaves treatment once, and dies once."""
    known = request.patient.first(type(request.fact))
    return f"recorded on {known.occurred} (event {known.seq})" if known else None


@reads(f.Enrolled, late=False)
def enrolled_before_discontinuation(request: EventRequest) -> str | None:
    """Only an enrolled patient can leave treatment."""
    return None if request.patient.enrolment else f"{request.patient_id} was never enrolled"
