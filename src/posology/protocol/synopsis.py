"""A protocol as a clinician reads it: sections of labelled lines, each with the mark of its origin where there is
one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from posology.endpoints.ctcae_terms import find_term
from posology.protocol.build import decision_rules
from posology.protocol.expansion_design import cohort_boundaries
from posology.protocol.model import DltCriterion, EligibilityCriterion, Expansion, Mark, Protocol


@dataclass(frozen=True)
class Line:
    """One line of a synopsis. ``mark`` says where a value comes from, in a reconstructed protocol."""

    label: str
    text: str
    mark: Mark | None = None


@dataclass(frozen=True)
class Section:
    """One section of a synopsis."""

    title: str
    lines: tuple[Line, ...]


def mark(protocol: Protocol, field: str) -> Mark | None:
    """Return where a field's value comes from: by the longest path that the protocol marks; else assumed.

    ``field`` is a path such as ``dose.levels`` or ``eligibility.2.text``, lists counted from 1.
    """
    if protocol.provenance is None:
        return None
    steps = field.split(".")
    for length in range(len(steps), 0, -1):
        path = ".".join(steps[:length])
        if path in protocol.provenance.stated:
            return "stated"
        if path in protocol.provenance.published:
            return "published"
    return "assumed"


def synopsis(protocol: Protocol) -> tuple[Section, ...]:
    """Return the whole synopsis, section by section."""
    sections = []
    for title, lines in _sections(protocol):
        kept = tuple(Line(label, text, mark(protocol, path) if path else None) for label, text, path in lines if text)
        if kept:
            sections.append(Section(title, kept))
    return tuple(sections)


Entry = tuple[str, str, str]


def _sections(p: Protocol) -> Iterator[tuple[str, list[Entry]]]:
    yield (
        "Trial",
        [
            ("Trial", p.trial.id + (f" ({p.trial.registry})" if p.trial.registry else ""), "trial.registry"),
            ("Title", p.trial.title, "trial.title"),
            ("Phase", p.trial.phase, "trial.phase"),
            ("Sponsor", p.trial.sponsor, "trial.sponsor"),
            ("Version", f"{p.trial.version} of {p.trial.date}", "trial.version"),
            ("Objectives", "; ".join(p.trial.objectives), "trial.objectives"),
            ("Population", p.trial.population, "trial.population"),
            (
                "Planned",
                f"{p.trial.planned_patients} patients" if p.trial.planned_patients else "",
                "trial.planned_patients",
            ),
        ],
    )
    parts = [(part.capitalize(), getattr(p.drug, part)) for part in ("antibody", "linker", "payload")]
    yield (
        "Drug",
        [
            ("Name", ", ".join((p.drug.name, *p.drug.other_names)), "drug.name"),
            ("Type", p.drug.type, "drug.type"),
            ("Target", p.drug.target, "drug.target"),
            *(
                (label, part.name + (f": {part.description}" if part.description else ""), f"drug.{label.lower()}")
                for label, part in parts
                if part
            ),
            (
                "Drug-to-antibody ratio",
                f"{p.drug.drug_to_antibody_ratio:g} on average" if p.drug.drug_to_antibody_ratio else "",
                "drug.drug_to_antibody_ratio",
            ),
        ],
    )
    levels = ", ".join(f"{i}: {dose:g}" for i, dose in enumerate(p.dose.levels, 1))
    yield (
        "Dose",
        [
            ("Dose levels", f"{levels} ({p.dose.unit})", "dose.levels"),
            (
                "Body size",
                f"{p.dose.unit} of {p.dose.body_size}" if p.dose.body_size != "flat" else "flat: the same for all",
                "dose.body_size",
            ),
            ("Start", f"level {p.dose.start_level}, {p.dose.dose_label(p.dose.start_level)}", "dose.start_level"),
            ("Given dose", f"within {p.dose.tolerance_percent:g} % of the planned one", "dose.tolerance_percent"),
        ],
    )
    days = " and ".join(map(str, p.schedule.dosing_days))
    yield (
        "Schedule",
        [
            ("Route", p.schedule.route, "schedule.route"),
            ("Cycle", f"{p.schedule.cycle_days} days; dose on day {days}", "schedule.cycle_days"),
            ("Early by", f"at most {p.schedule.window_days} days", "schedule.window_days"),
            ("Until", p.schedule.until, "schedule.until"),
            (
                "Reductions",
                f"at most {p.modification.maximum_reductions}; delay at most {p.modification.maximum_delay_days} days",
                "modification",
            ),
            ("Modification", p.modification.text, "modification"),
        ],
    )
    yield (
        "Dose-limiting toxicity (DLT)",
        [
            ("Window", f"days 1 to {p.dlt.window_days} from the first dose", "dlt.window_days"),
            ("Graded by", f"CTCAE version {p.dlt.ctcae}", "dlt.ctcae"),
            *(
                ("DLT", criterion.text + _ctcae(criterion), f"dlt.criteria.{i}")
                for i, criterion in enumerate(p.dlt.criteria, 1)
            ),
            *(
                ("Except", exemption.text, f"dlt.criteria.{i}.exempt.{j}")
                for i, criterion in enumerate(p.dlt.criteria, 1)
                for j, exemption in enumerate(criterion.exempt, 1)
            ),
            *(
                [
                    (
                        "Delay",
                        (
                            f"a related toxicity that holds cycle 2 back for more than {p.dlt.maximum_delay_days} days"
                            " is a DLT"
                        ),
                        "dlt.maximum_delay_days",
                    )
                ]
                if p.dlt.maximum_delay_days is not None
                else []
            ),
            (
                "Evaluable",
                (
                    f"a DLT in the window, or the window completed with at least {p.dlt.minimum_dose_percent:g} % of"
                    " the planned dose"
                ),
                "dlt.minimum_dose_percent",
            ),
        ],
    )
    design: list[Entry] = [("Method", p.design["method"], "design.method")]
    if p.titration:
        t = p.titration
        design.append(
            (
                "Titration",
                (
                    f"cohorts of {t.cohort} through level {t.through_level}, until a DLT or "
                    f"{t.ends_on_count} related toxicity of grade {t.ends_on_grade} or worse in the window"
                ),
                "titration",
            )
        )
    design += [
        ("Parameter", f"{k.replace('_', ' ')}: {v}", f"design.{k}") for k, v in p.design.items() if k != "method"
    ]
    design += [("Rule", rule, "design.method") for rule in decision_rules(p)]
    yield "Design", design
    if p.biomarker:
        b = p.biomarker
        yield (
            "Biomarker",
            [
                ("Target", b.target, "biomarker.target"),
                ("Assay", b.assay, "biomarker.assay"),
                ("Scale", f"{b.scale}; strongly positive from {b.strongly_positive}", "biomarker.scale"),
                ("Required", b.required, "biomarker.required"),
            ],
        )
    yield "Eligibility", _criteria(p.eligibility, "eligibility")
    for name, cohort in p.expansion.items():
        size = f"; {cohort.patients} patients" if cohort.patients else ""
        yield (
            f"Expansion cohort {name}",
            [
                ("Cohort", cohort.title + size, f"expansion.{name}.title"),
                *_cohort_design(name, cohort),
                *_criteria(cohort.eligibility, f"expansion.{name}.eligibility"),
            ],
        )
    r, c = p.endpoints.response, p.endpoints.ca125
    yield (
        "Endpoints",
        [
            ("Primary", "; ".join(p.endpoints.primary), "endpoints.primary"),
            ("Secondary", "; ".join(p.endpoints.secondary), "endpoints.secondary"),
            (
                "Response",
                (
                    f"{r.criteria}, every {r.assess_every_days} days; confirmed after at least {r.confirmation_days}"
                    f" days; stable disease after at least {r.minimum_sd_days} days"
                ),
                "endpoints.response",
            ),
            (
                "CA-125",
                (
                    f"{c.criteria}, in {', '.join(c.tumour_types)} cancer; upper limit {c.upper_limit_u_ml:g} U/mL"
                    if c
                    else ""
                ),
                "endpoints.ca125",
            ),
        ],
    )
    yield "Amendments", [(f"Version {a.version}", f"from {a.date}: {a.reason}", "amendments") for a in p.amendments]


def _ctcae(criterion: DltCriterion) -> str:
    """Return the CTCAE terms and organ classes that a criterion of DLT applies to, and those it does not."""

    def named(terms: tuple[str, ...]) -> str:
        return ", ".join(term.name if (term := find_term(text)) else text for text in terms)

    parts = [
        f"only {named(criterion.terms)}" if criterion.terms else "",
        f"only {', '.join(criterion.system_organ_classes)}" if criterion.system_organ_classes else "",
        f"not {named(criterion.except_terms)}" if criterion.except_terms else "",
    ]
    said = "; ".join(filter(None, parts))
    return f" (CTCAE: {said})" if said else ""


def _cohort_design(name: str, cohort: Expansion) -> list[Entry]:
    """Return how a cohort is judged, in words: a row for the design, and its boundaries."""
    design = cohort.design
    if design is None:
        return []
    rates = f"{100 * design.p0:g} %" + (f" against {100 * design.p1:g} %" if design.p1 else "")
    within = f" within {design.respond_within_days} days" if design.respond_within_days else ""
    where = f"expansion.{name}.design.method"
    words: list[Entry] = [("Design", f"{design.method}: {design.endpoint}{within}, {rates}", where)]
    for row in cohort_boundaries(design).rows():
        low, high = row["futility at most"], row["success at least"]
        said = [f"futile with {low} or fewer"] * (low is not None) + [f"success with {high} or more"] * (
            high is not None
        )
        words.append((f"Look at {row['patients']}", "; ".join(said) or "goes on", where))
    return words


def _criteria(criteria: tuple[EligibilityCriterion, ...], path: str) -> list[Entry]:
    return [
        (f"{c.id} {'in' if c.kind == 'inclusion' else 'out'}", f"{c.text} [{c.condition}]", f"{path}.{i}.text")
        for i, c in enumerate(criteria, 1)
    ]
