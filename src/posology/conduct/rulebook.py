"""Which rules stand before which kind of event, and what they refuse."""

from __future__ import annotations

from dataclasses import dataclass

from posology.conduct import patient_rules as p
from posology.conduct import rules as r
from posology.conduct.rules import Asked, Rule
from posology.record import facts as f

EVERY: tuple[Rule, ...] = (r.not_in_the_future, r.not_before_the_trial, r.consent_first, r.none_after_death)

PLACE: tuple[Rule, ...] = (r.enrolled_once, r.level_or_cohort)

RULES: dict[type[f.Fact], tuple[Rule, ...]] = {
    f.Consented: (r.consent_once,),
    f.CriterionAttested: (r.criterion_exists,),
    f.SlotReserved: (*PLACE, r.eligible, r.level_is_open, r.place_is_free),
    f.SlotReleased: (r.place_to_release,),
    f.Enrolled: (*PLACE, r.eligible, r.place_is_kept),
    f.Dosed: (
        p.enrolled_before_dosing,
        p.on_treatment,
        p.not_above_the_open_level,
        p.at_the_assigned_level,
        p.dose_as_planned,
        p.doses_in_order,
    ),
    f.DoseReduced: (p.on_treatment, p.to_a_defined_lower_level, p.reductions_left),
    f.DoseDelayed: (p.enrolled_before_dosing, p.on_treatment, p.delay_allowed),
    f.AdverseEvent: (p.event_number_is_new,),
    f.AdverseEventResolved: (p.event_number_is_known, p.resolved_once),
    f.DltAdjudicated: (p.event_number_is_known, p.judged_once, p.judged_by_the_definition),
    f.LesionMeasured: (
        p.lesion_measured_once,
        p.lesion_keeps_its_role,
        p.lesion_says_something,
        p.baseline_before_treatment,
        p.assessments_in_order,
    ),
    f.TumourAssessed: (p.assessed_once, p.baseline_before_treatment, p.assessments_in_order),
    f.MarkerMeasured: (p.marker_measured_once,),
    f.Discontinued: (p.treated_to_leave, p.leaves_once),
    f.Died: (p.leaves_once,),
    f.DecisionTaken: (
        r.decisions_in_order,
        r.level_exists,
        r.action_fits_level,
        r.level_not_closed,
        r.places_given,
        r.cohort_is_evaluable,
        r.no_higher_than_advised,
    ),
    f.DecisionSigned: (r.decision_exists,),
    f.ProtocolAmended: (r.amendment_in_order,),
    f.CutoffLocked: (r.cutoff_is_past,),
}


@dataclass(frozen=True)
class Refusal:
    """A rule that forbids what was asked, and the fact that breaks it."""

    rule: str
    text: str
    fact: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.fact} (rule: {self.text})"


def refusals(asked: Asked) -> list[Refusal]:
    """Return every rule that forbids what is asked."""
    found = []
    for rule in (*EVERY, *RULES.get(type(asked.fact), ())):
        fact = rule(asked)
        if fact is not None:
            text = (rule.__doc__ or "").strip().splitlines()[0].rstrip(".")
            found.append(Refusal(rule.__name__.replace("_", "-"), text, fact))
    return found
