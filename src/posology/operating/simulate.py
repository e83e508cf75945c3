"""Simulated trials on the clock: accrual, late toxicity, drop-out, backfilling; an independent check of the exact
results.

All trials go side by side, a patient a step. The patients are drawn first, as potential outcomes: how much each
tolerates, when a DLT would come, whether the tumour would respond. Designs simulated on the same patients are compared
on the same patients (common random numbers).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from posology.designs.backfill import BfBoin
from posology.designs.gboin import GBoin
from posology.designs.inference import innermost
from posology.designs.tally import NONE, Action, Decision, Design, PendingPatients, Tally
from posology.designs.time_to_event import RollingSix, TiteBoin, TiteCrm
from posology.operating.exact_graded import DLT, MODERATE, check_grades
from posology.operating.simulation_results import SimulationResults
from posology.shared.arrays import Bools, Floats, Ints

if TYPE_CHECKING:
    from numpy.typing import NDArray

LATE = (TiteCrm, TiteBoin, RollingSix)


@dataclass(frozen=True)
class Scenario:
    """The world that trials are simulated in.

    Parameters
    ----------
    truth
        true DLT rate of each level, within the window.
    window
        the DLT window, in days.
    accrual
        patients a day, on average.
    arrivals
        "poisson": at random; "uniform": the time between two is uniform from none to twice the mean; "fixed": evenly
        spaced.
    late
        share of the DLTs that come in the second half of the window; one half is evenly in time.
    dropout
        share of the patients who leave before the window ends, at any time; unless a DLT came first they are replaced.
    response
        true rate of tumour response of each level; zeros where not given. A design that opens levels for backfilling
        once a response was seen needs them.
    grades
        chance of grades 0, 1, 2, ... of toxicity at each level, for designs that look at grades (titration: grade 2 is
        moderate; gBOIN scores each); the truth is then the chance of grade 3 or worse.
    """

    truth: tuple[Annotated[float, Ge(0), Le(1)], ...]
    window: Annotated[float, Gt(0)] = 28.0
    accrual: Annotated[float, Gt(0)] = 3 / 28
    arrivals: Literal["poisson", "uniform", "fixed"] = "poisson"
    late: Annotated[float, Gt(0), Lt(1)] = 0.5
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    response: tuple[Annotated[float, Ge(0), Le(1)], ...] = ()
    grades: tuple[tuple[Annotated[float, Ge(0), Le(1)], ...], ...] = ()

    def __post_init__(self) -> None:
        if self.grades:
            rates = check_grades(np.array(self.grades), len(self.truth))[:, DLT:].sum(axis=1)
            if np.abs(rates - np.array(self.truth)).max() > 1e-9:
                raise ValueError(
                    f"truth is {self.truth}: with these grades the DLT rates are {rates.round(6).tolist()}"
                )
        for name in ("truth", "response"):
            if any(not 0 <= p <= 1 for p in getattr(self, name)):
                raise ValueError(f"{name} is {getattr(self, name)}: rates lie between 0 and 1")
        if self.response and len(self.response) != len(self.truth):
            raise ValueError(f"response has {len(self.response)} rates, truth {len(self.truth)}: one for each level")
        for name in ("window", "accrual"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}: it must lie above 0")
        if not 0 < self.late < 1 or not 0 <= self.dropout < 1:
            raise ValueError(f"late {self.late} must lie between 0 and 1, dropout {self.dropout} from 0 to below 1")


@dataclass(frozen=True)
class PotentialOutcomes:
    """Potential outcomes: arrays (trials, patients) of numbers between 0 and 1; ``gap`` in mean times between
    arrivals."""

    tolerance: Floats
    onset: Floats
    gap: Floats
    leaves: Floats
    left_at: Floats
    responds: Floats

    @classmethod
    def draw(cls, rng: np.random.Generator, trials: int, patients: int) -> PotentialOutcomes:
        """Draw so many patients for each trial; of more patients the first are the same.

        Parameters
        ----------
        rng
            the source of chance.
        trials, patients
            how many trials, of how many patients.

        Examples
        --------
        >>> few, more = (PotentialOutcomes.draw(np.random.default_rng(1), 2, n) for n in (3, 5))
        >>> bool((few.tolerance == more.tolerance[:, :3]).all())
        True
        """
        tolerance, onset, gap, leaves, left_at, responds = rng.spawn(6)

        def uniform(generator: np.random.Generator) -> Floats:
            return generator.random((patients, trials)).T

        return cls(
            uniform(tolerance),
            uniform(onset),
            gap.exponential(size=(patients, trials)).T,
            uniform(leaves),
            uniform(left_at),
            uniform(responds),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Trials, and patients drawn for each."""
        trials, patients = self.tolerance.shape
        return trials, patients

    def dlt_day(self, scenario: Scenario, rows: Ints, k: Ints, level: Ints) -> Floats:
        """Return the day of the DLT that patient ``k`` of each trial in ``rows`` has at a level; inf where none
        comes.

        Parameters
        ----------
        scenario
            the truth.
        rows, k
            (n,): the trial, and the place of the patient within it.
        level
            (n,): index of the level.

        Examples
        --------
        >>> people = PotentialOutcomes.draw(np.random.default_rng(1), 2, 3)
        >>> truth = Scenario((0.0, 1.0), response=(1.0, 0.0), grades=((1, 0, 0, 0, 0), (0, 0, 0, 1, 0)))
        >>> trials, place, level = np.array([0, 1]), np.array([2, 2]), np.array([0, 1])
        >>> people.dlt_day(truth, trials, place, level).round(2).tolist()
        [inf, 5.79]
        """
        power = np.log(0.5) / np.log(1 - scenario.late)  # so that the wished share of DLTs lies in the second half
        dlt = self.tolerance[rows, k] < np.array(scenario.truth)[level]
        return np.asarray(np.where(dlt, scenario.window * self.onset[rows, k] ** power, np.inf))

    def respond(self, scenario: Scenario, rows: Ints, k: Ints, level: Ints) -> Bools:
        """Return whether their tumours respond.

        Parameters
        ----------
        scenario
            the truth.
        rows, k
            (n,): the trial, and the place of the patient within it.
        level
            (n,): index of the level.

        Examples
        --------
        >>> people = PotentialOutcomes.draw(np.random.default_rng(1), 2, 3)
        >>> truth = Scenario((0.0, 1.0), response=(1.0, 0.0), grades=((1, 0, 0, 0, 0), (0, 0, 0, 1, 0)))
        >>> trials, place, level = np.array([0, 1]), np.array([2, 2]), np.array([0, 1])
        >>> people.respond(truth, trials, place, level).tolist()
        [True, False]
        """
        rate = np.array(scenario.response or (0.0,) * len(scenario.truth))
        return np.asarray(self.responds[rows, k] < rate[level])

    def grades(self, scenario: Scenario, rows: Ints, k: Ints, level: Ints) -> Ints | None:
        """Return the worst grade of toxicity within the window; None where the scenario has no grades.

        Parameters
        ----------
        scenario
            the truth.
        rows, k
            (n,): the trial, and the place of the patient within it.
        level
            (n,): index of the level.

        Examples
        --------
        >>> people = PotentialOutcomes.draw(np.random.default_rng(1), 2, 3)
        >>> truth = Scenario((0.0, 1.0), response=(1.0, 0.0), grades=((1, 0, 0, 0, 0), (0, 0, 0, 1, 0)))
        >>> trials, place, level = np.array([0, 1]), np.array([2, 2]), np.array([0, 1])
        >>> people.grades(truth, trials, place, level).tolist()
        [0, 3]
        """
        if not scenario.grades:
            return None
        # at_least[level, g]: chance of grade g + 1 or worse; the less a patient tolerates, the higher the grade
        at_least = np.array(scenario.grades)[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
        return np.asarray((self.tolerance[rows, k, None] < at_least[level]).sum(axis=1))


class PatientModel(Protocol):
    """Patients that trials can be simulated on: what would become of each at each level, whatever is given.

    Arrays are (trials, patients); methods are asked for patient ``k`` (n,) of trials ``rows`` (n,) at a ``level`` (n,).
    """

    @property
    def gap(self) -> Floats:
        """In mean times between arrivals."""

    @property
    def leaves(self) -> Floats:
        """Between 0 and 1: leaves the trial if below the share of drop-outs."""

    @property
    def left_at(self) -> Floats:
        """When, in windows."""

    @property
    def shape(self) -> tuple[int, int]:
        """Trials, and patients drawn for each."""

    def dlt_day(self, scenario: Scenario, rows: Ints, k: Ints, level: Ints) -> Floats:
        """Return the day of the DLT, within the window or after it; inf where none comes.

        Parameters
        ----------
        scenario
            the truth.
        rows, k
            (n,): the trial, and the place of the patient within it.
        level
            (n,): index of the level.
        """

    def respond(self, scenario: Scenario, rows: Ints, k: Ints, level: Ints) -> Bools:
        """Return whether the tumours respond.

        Parameters
        ----------
        scenario
            the truth.
        rows, k
            (n,): the trial, and the place of the patient within it.
        level
            (n,): index of the level.
        """

    def grades(self, scenario: Scenario, rows: Ints, k: Ints, level: Ints) -> Ints | None:
        """Return the worst grade within the window; None where there are no grades.

        Parameters
        ----------
        scenario
            the truth.
        rows, k
            (n,): the trial, and the place of the patient within it.
        level
            (n,): index of the level.
        """


def simulate(design: Design, scenario: Scenario, patients: PatientModel) -> SimulationResults:
    """Run one trial a row, each on its own patients.

    Parameters
    ----------
    design
        any design. One that waits for nobody (TITE-CRM, TITE-BOIN, rolling six) is asked at each arrival; the others
        when everybody treated is known.
    scenario
        the world: true rates, window, accrual.
    patients
        the patients, as many a trial as it can need; drop-outs are replaced. :class:`PotentialOutcomes`, or
        :class:`posology.simulation.potential_outcomes.DrugDrivenPatients`, whose DLTs come from the drug they carry.

    Raises
    ------
    ValueError
        if the truth has not one rate for each level, a trial runs out of patients, or a design that backfills where
        responses are seen has no response rates.

    Notes
    -----
    A patient who comes while nobody may be treated waits, and is treated as soon as one may. The MTD is chosen when all
    patients are known.

    Examples
    --------
    >>> from posology.designs import Boin
    >>> rng = np.random.default_rng(1)
    >>> found = simulate(Boin(3, 0.3, max_patients=12), Scenario((0.1, 0.3, 0.5)), PotentialOutcomes.draw(rng, 500, 12))
    >>> found.selection.round(2), int(found.treated.sum(axis=1).max())
    (array([0.  , 0.21, 0.61, 0.18]), 12)
    """
    if len(scenario.truth) != design.levels:
        raise ValueError(f"truth has {len(scenario.truth)} rates; the design has {design.levels} levels")
    if patients.shape[0] < 1:
        raise ValueError("no trial to simulate: draw the patients of one or more")
    if lacks_responses(design, scenario.response):
        raise ValueError(
            "the design treats patients beside the escalation where a response was seen: give the true response rate of"
            " each level (response, --response R1,R2,...), or needs_response: false"
        )
    return _Clock(design, scenario, patients).run()


def lacks_responses(design: Design, response: Sequence[float]) -> bool:
    """Return whether a design opens levels for backfilling on responses, and no response rates are given."""
    model = innermost(design)
    return isinstance(model, BfBoin) and model.needs_response and not response


class _Clock:
    """The trials as they go: arrays (trials, patients) of what became of each patient, and where each trial stands."""

    def __init__(self, design: Design, scenario: Scenario, patients: PatientModel) -> None:
        self.design, self.scenario, self.patients = design, scenario, patients
        trials, most = patients.shape
        self.level = np.full((trials, most), NONE)
        self.entry, self.known = np.full((trials, most), np.inf), np.full((trials, most), np.inf)
        self.dlt, self.lost, self.response, self.beside, self.later = (
            np.zeros((trials, most), dtype=bool) for _ in range(5)
        )
        self.now, self.count = np.zeros(trials), np.zeros(trials, dtype=np.int64)
        self.need, self.at = np.zeros(trials, dtype=np.int64), np.full(trials, NONE)
        self.mtd, self.going = np.full(trials, NONE), np.ones(trials, dtype=bool)
        model = innermost(design)
        self.late = isinstance(model, LATE)
        self.backfills = model if isinstance(model, BfBoin) else None
        self.follows = self.late or self.backfills is not None  # patients still followed are told to the design
        if self.backfills is not None:  # patients beside the escalation count neither to its cohorts nor to its maximum
            most_at_all = self.backfills.max_patients + self.backfills.cap * design.levels
            self.design = _with_inner(design, replace(self.backfills, cohort=1, max_patients=most_at_all))
        self.grade = np.zeros((trials, most), dtype=np.int64)
        self.graded = False
        self.scores = np.array(model.scores) if isinstance(model, GBoin) and scenario.grades else None
        self.truth = np.array(scenario.truth)

    def run(self) -> SimulationResults:
        while self.going.any():
            rows = np.flatnonzero(self.going)
            arrival = self.now[rows] + self._next_arrival(rows)
            asks = self.need[rows] == 0
            if self.backfills is not None:
                arrival = self._backfill(rows, arrival, asks)
                asks &= self.going[rows]
            self.now[rows] = arrival
            asks |= self._forbidden(rows)
            if asks.any():
                self._decide(rows[asks])
            rows = rows[self.going[rows] & (self.need[rows] > 0)]
            self._treat(rows, self.at[rows])
            self.need[rows] -= 1
        return self._result()

    def _next_arrival(self, rows: Ints) -> Floats:
        """Return the days until the next patient comes."""
        if self.scenario.arrivals == "fixed":
            return np.full(len(rows), 1 / self.scenario.accrual)
        gap = self.patients.gap[rows, np.minimum(self.count[rows], self.level.shape[1] - 1)]
        if self.scenario.arrivals == "uniform":
            gap = -2 * np.expm1(-gap)
        return np.asarray(gap / self.scenario.accrual)

    def _treat(self, rows: Ints, level: Ints) -> None:
        """Treat the next patient of some trials."""
        if (self.count[rows] >= self.level.shape[1]).any():
            raise ValueError(
                f"a trial has used all of its {self.level.shape[1]} patients: draw more, for those who leave and are "
                "replaced, or are treated beside the escalation"
            )
        k, s, p = self.count[rows], self.scenario, self.patients
        day = p.dlt_day(s, rows, k, level)
        dlt = day <= s.window
        after = np.where(dlt, day, s.window)
        leaves = p.leaves[rows, k] < s.dropout
        left = s.window * p.left_at[rows, k]
        lost = leaves & (left < after)
        self.level[rows, k], self.entry[rows, k] = level, self.now[rows]
        self.known[rows, k] = self.now[rows] + np.where(lost, left, after)
        self.dlt[rows, k], self.lost[rows, k] = dlt & ~lost, lost
        self.later[rows, k] = ~lost & (day > s.window) & np.isfinite(day)
        self.response[rows, k] = p.respond(s, rows, k, level)
        grade = p.grades(s, rows, k, level)
        if grade is not None:
            self.grade[rows, k], self.graded = grade, True
        self.count[rows] += 1

    def _tally(self, rows: Ints) -> Tally:
        """Return what is known now."""
        level, now = self.level[rows], self.now[rows, None]
        known = self.known[rows] <= now + 1e-9
        counts = (level != NONE) & np.where(known, ~self.lost[rows], self.follows)
        cell = np.arange(len(rows))[:, None] * self.design.levels + level

        def count(which: Bools) -> Ints:
            return np.bincount(cell[which], minlength=len(rows) * self.design.levels).reshape(len(rows), -1)

        toxic = counts & known & self.dlt[rows]
        tally = Tally.unchecked(count(counts), count(toxic), self.at[rows])
        if self.graded:
            tally = self._graded(rows, tally, counts & known, cell)
        open_ = counts & ~known
        if not self.follows or not open_.any():
            return tally
        first = np.argsort(~open_, axis=1, kind="stable")[:, : int(open_.sum(axis=1).max())]

        def pick(values: NDArray[Any]) -> NDArray[Any]:
            return np.take_along_axis(values, first, axis=1)

        waits = pick(open_)
        share = np.clip((now - pick(self.entry[rows])) / self.scenario.window, 0.0, 1.0)
        took = np.subtract(self.known[rows], self.entry[rows], out=np.full(toxic.shape, np.nan), where=toxic)
        dlt_at = took / self.scenario.window
        return tally.with_pending(
            PendingPatients(np.where(waits, pick(level), NONE), np.where(waits, share, 0.0), dlt_at)
        )

    def _graded(self, rows: Ints, tally: Tally, known: Bools, cell: Ints) -> Tally:
        """Return the tally with moderate toxicities and scores of the patients known."""
        grade = self.grade[rows]
        shape, size = tally.treated.shape, tally.treated.size
        moderate = np.bincount(cell[known & (grade == MODERATE)], minlength=size).reshape(shape)
        scores = grade >= DLT if self.scores is None else self.scores[grade]
        sums = np.bincount(cell[known], weights=scores[known].astype(np.float64), minlength=size)
        burden = np.asarray(sums, dtype=np.float64).reshape(shape)
        return replace(tally, moderate=moderate, toxicity_score_sum=burden)

    def _end_of_follow_up(self, rows: Ints) -> Floats:
        return np.asarray(np.where(self.level[rows] != NONE, self.known[rows], -np.inf).max(axis=1, initial=-np.inf))

    def _end_of_cohort(self, rows: Ints) -> Floats:
        """Return when all patients of the escalation are known; those treated beside it are not waited for."""
        leads = (self.level[rows] != NONE) & ~self.beside[rows]
        return np.asarray(np.where(leads, self.known[rows], -np.inf).max(axis=1, initial=-np.inf))

    def _decide(self, rows: Ints) -> None:
        """Ask the design; wait where it says so, and until everybody is known before a trial ends."""
        if not self.late:
            self.now[rows] = np.maximum(self.now[rows], self._end_of_cohort(rows))
        while len(rows):
            decision = self.design.decide(self._tally(rows))
            if self.backfills is not None:
                decision = self._backfill_decision(rows, decision)
            waits = decision.action == Action.WAIT
            ends = (decision.action == Action.DECLARE) & (self._end_of_follow_up(rows) > self.now[rows] + 1e-9)
            self._apply_decision(rows[~waits & ~ends], decision, ~waits & ~ends)
            later = np.where(self.known[rows] > self.now[rows, None] + 1e-9, self.known[rows], np.inf).min(axis=1)
            self.now[rows] = np.where(ends, self._end_of_follow_up(rows), np.where(waits, later, self.now[rows]))
            rows = rows[waits | ends]

    def _apply_decision(self, rows: Ints, decision: Decision, which: Bools) -> None:
        """Do as was decided."""
        action, level, more = decision.action[which], decision.level[which], decision.patients_to_treat[which]
        over = action >= Action.DECLARE
        self.mtd[rows[over]] = level[over]
        self.going[rows[over]] = False
        self.at[rows[~over]], self.need[rows[~over]] = level[~over], more[~over]

    def _backfill_decision(self, rows: Ints, decision: Decision) -> Decision:
        """Return a backfilling design's decision: whole cohorts, and the end once the escalation has had its
        patients."""
        assert self.backfills is not None
        going = decision.action < Action.DECLARE
        lead = (self.level[rows] != NONE) & ~self.beside[rows] & ~self.lost[rows]
        ends = going & (lead.sum(axis=1) >= self.backfills.max_patients)
        mtd = self.design.select(self._tally(rows))
        action = np.where(ends, np.where(mtd == NONE, Action.STOP, Action.DECLARE), decision.action)
        more = np.where(going & ~ends & (decision.action != Action.WAIT), self.backfills.cohort, 0)
        return replace(decision, action=action, level=np.where(ends, mtd, decision.level), patients_to_treat=more)

    def _forbidden(self, rows: Ints) -> Bools:
        """Return whether what has become known since forbids the level that the next patient was to be given.

        Of designs that decide on patients still followed; the others wait for whole cohorts, as their papers do.
        """
        if not self.late:
            return np.zeros(len(rows), dtype=bool)
        forbids = self.design.highest_safe(self._tally(rows)) < self.at[rows]
        return np.asarray(self.going[rows] & (self.need[rows] > 0) & forbids)

    def _is_blocked(self, rows: Ints, time: Floats) -> Bools:
        """Return whether the escalation may treat nobody yet at a time."""
        if not self.late:
            return self._end_of_cohort(rows) > time + 1e-9
        self.now[rows] = time
        return np.asarray(self.design.decide(self._tally(rows)).action == Action.WAIT)

    def _backfill(self, rows: Ints, arrival: Floats, asks: Bools) -> Floats:
        """Treat patients who come while the cohort is followed at a lower level, if one is open; return the next
        arrivals."""
        assert self.backfills is not None
        arrival = arrival.copy()
        open_ = np.flatnonzero(asks & (self.at[rows] > 0))
        while len(open_):
            open_ = open_[self._is_blocked(rows[open_], arrival[open_])]
            some = rows[open_]
            self.now[some] = arrival[open_]
            responded = np.zeros((len(some), self.design.levels), dtype=np.int64)
            seen = self.response[some] & (self.known[some] <= self.now[some, None] + 1e-9)
            np.add.at(responded, (np.nonzero(seen)[0], self.level[some][seen]), 1)
            to = np.empty(0, dtype=np.int64)
            if len(some):
                to = self.backfills.open_level(self._tally(some), responded)
            given = to != NONE
            open_, some, to = open_[given], some[given], to[given]  # where none is open the patient waits
            self.beside[some, np.minimum(self.count[some], self.level.shape[1] - 1)] = True
            self._treat(some, to)
            arrival[open_] += self._next_arrival(some)
        return arrival

    def _result(self) -> SimulationResults:
        row, col = np.nonzero(self.level != NONE)
        cell = row * self.design.levels + self.level[row, col]
        size = (len(self.now), self.design.levels)

        def by_level(which: Bools) -> Ints:
            return np.bincount(cell[which[row, col]], minlength=size[0] * size[1]).reshape(size)

        everyone = np.ones_like(self.dlt)
        end = np.where(self.level != NONE, self.known, -np.inf).max(axis=1)
        return SimulationResults(
            treated=by_level(everyone),
            toxic=by_level(self.dlt),
            mtd=self.mtd,
            duration=np.maximum(self.now, end),
            lost=self.lost.sum(axis=1),
            truth=self.truth,
            later=by_level(self.later),
            backfilled=by_level(self.beside),
            responses=by_level(self.response),
        )


def _with_inner(design: Design, inner: Design) -> Design:
    """Return a design with another one inside the rules that go around it."""
    if not hasattr(design, "design"):
        return inner
    rule: Any = design
    changed: Design = replace(rule, design=_with_inner(rule.design, inner))
    return changed
