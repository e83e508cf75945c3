"""A study: designs by scenarios, exact where that can be, simulated where time matters.

A study file names designs and scenarios; running it is a list of tasks that depend on nothing but what they say, so
that they can be done in any order, by any number of workers, here or on a cluster, and be taken up again where they
stopped: the results are the same to the last bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt, Lt, MinLen

from posology import __version__
from posology.designs.tally import DependsOn, Design
from posology.operating.evaluation import patients_to_draw
from posology.operating.exact import enumerate_trials
from posology.operating.processors import cores
from posology.operating.scenarios import grid, logistic_set, paoletti, pseudo_uniform
from posology.operating.simulate import PotentialOutcomes, Scenario, lacks_responses, simulate
from posology.operating.true_mtd import true_mtd
from posology.shared.arrays import Floats
from posology.shared.tables import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH = 2000
POLL_SECONDS = 10.0  # seconds that a scheduler may take to answer


@dataclass(frozen=True)
class ScenarioSpec:
    """True DLT rates, or a family of them.

    Parameters
    ----------
    name
        what to call it.
    truth
        the true DLT rate of each level; or
    family
        "logistic", "grid", "paoletti" or "pseudo-uniform".
    odds_ratio
        of the logistic family: between neighbouring levels.
    rates
        of the grid: the rates that may stand at a level.
    count
        of the random families: how many scenarios.
    """

    name: str
    truth: tuple[float, ...] = ()
    family: Literal["", "logistic", "grid", "paoletti", "pseudo-uniform"] = ""
    odds_ratio: Annotated[float, Gt(1)] = 2.0
    rates: tuple[float, ...] = ()
    count: Annotated[int, Ge(1)] = 100

    def sample(self, levels: int, target: float, seed: int) -> Floats:
        """Return (scenarios, levels).

        Parameters
        ----------
        levels
            of the design.
        target
            the target DLT rate.
        seed
            of the study: a family draws from it.

        Examples
        --------
        >>> ScenarioSpec("flat", truth=(0.1, 0.2)).sample(2, 0.25, 1)
        array([[0.1, 0.2]])
        """
        if bool(self.truth) == bool(self.family):
            raise ValueError(f"scenario {self.name!r}: give either truth or family")
        if self.truth:
            if len(self.truth) != levels or not all(0 <= p <= 1 for p in self.truth):
                raise ValueError(
                    f"scenario {self.name!r}: truth needs {levels} rates between 0 and 1, not {list(self.truth)}"
                )
            return np.array([self.truth])
        rng = np.random.default_rng([seed, *self.name.encode()])
        if self.family == "logistic":
            return logistic_set(levels, target, self.odds_ratio)
        if self.family == "grid":
            return grid(levels, list(self.rates))
        draw = paoletti if self.family == "paoletti" else pseudo_uniform
        return draw(rng, self.count, levels, target)


@dataclass(frozen=True)
class SimulationSettings:
    """How trials are simulated: how many, and the world they run in; see :class:`posology.operating.Scenario`."""

    trials: Annotated[int, Ge(10)] = 10_000
    window: Annotated[float, Gt(0)] = 28.0
    accrual: Annotated[float, Gt(0)] = 3 / 28
    arrivals: Literal["poisson", "uniform", "fixed"] = "poisson"
    late: Annotated[float, Gt(0), Lt(1)] = 0.5
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    response: tuple[float, ...] = ()
    every_design: bool = False


@dataclass(frozen=True)
class Study:
    """A study: designs by scenarios.

    Parameters
    ----------
    study
        its title.
    levels, target, start
        number of dose levels; target DLT rate; number, from 1, of the first level given.
    designs
        each as in a protocol's ``design`` section, with a ``name`` of its own if two share a method.
    scenarios
        the scenarios.
    seed
        of all randomness.
    overdose_share
        a trial overdoses when more than this share of its patients is treated above the MTD.
    simulate
        how to simulate the designs that depend on time; with ``every_design`` all of them.
    doses
        the dose of each level, for designs that need it.
    """

    study: str
    levels: Annotated[int, Ge(1)]
    target: Annotated[float, Gt(0), Lt(1)]
    designs: Annotated[tuple[dict[str, Any], ...], MinLen(1)]
    scenarios: Annotated[tuple[ScenarioSpec, ...], MinLen(1)]
    start: Annotated[int, Ge(1)] = 1
    seed: Annotated[int, Ge(0)] = 1
    overdose_share: Annotated[float, Ge(0), Lt(1)] = 0.6
    simulate: SimulationSettings = SimulationSettings()
    doses: tuple[float, ...] = ()

    @property
    def names(self) -> list[str]:
        """The designs' names."""
        return [str(spec.get("name") or spec.get("method")) for spec in self.designs]

    def built(self, index: int) -> Design:
        """Build a design.

        Raises
        ------
        posology.protocol.model.FieldError, pydantic.ValidationError
            if it is wrong.
        """
        from posology.protocol.build import design_from_spec

        spec = {k: v for k, v in self.designs[index].items() if k != "name"}
        return design_from_spec(spec, self.levels, self.start, self.doses, {"target": self.target})


def read_study(path: str | Path) -> Study:
    """Read a study file and check it.

    Raises
    ------
    posology.protocol.load.InputFileError
        listing what is wrong, with its line.
    """
    from pydantic import ValidationError

    from posology.protocol.model import FieldError
    from posology.shared.yaml_files import InputFileError, load_typed

    study, refuse = load_typed(path, Study, "a study file", "see the documentation of `posology design study`")
    findings = []
    for i in range(len(study.designs)):
        try:
            study.built(i)
        except ValidationError as error:
            findings += [
                refuse(("designs", i, *e["loc"]), e["msg"].removeprefix("Value error, ")) for e in error.errors()
            ]
        except FieldError as problem:
            steps = (int(s) if s.isdigit() else s for s in problem.field.split("."))
            findings.append(refuse(("designs", i, *steps), problem.wrong, problem.right))
    for i, scenario in enumerate(study.scenarios):
        try:
            scenario.sample(study.levels, study.target, study.seed)
        except ValueError as wrong:
            findings.append(refuse(("scenarios", i), str(wrong)))
    for i in range(len(study.designs)):
        if not findings and lacks_responses(study.built(i), study.simulate.response):
            findings.append(
                refuse(
                    ("designs", i),
                    "treats patients beside the escalation where a response was seen, and there are no response rates",
                    "give simulate.response, the true rate of each level, or needs_response: false",
                )
            )
    if len(set(study.names)) < len(study.names):
        findings.append(refuse(("designs",), "two designs have one name", "give each a name"))
    if findings:
        raise InputFileError(findings)
    return study


@dataclass(frozen=True)
class Task:
    """A piece of work: a design against all scenarios, exact, or against one by a batch of simulated trials."""

    study: Study
    design: int
    scenario: int | None = None
    batch: int | None = None

    @property
    def scenarios(self) -> list[int]:
        """Numbers of its scenarios."""
        return list(range(len(self.study.scenarios))) if self.scenario is None else [self.scenario]

    @property
    def key(self) -> str:
        """A name that is the same for the same work, and only for it."""
        s = self.study
        told = [
            __version__,
            s.levels,
            s.target,
            s.start,
            s.seed,
            s.overdose_share,
            s.doses,
            s.designs[self.design],
            [vars(s.scenarios[k]) for k in self.scenarios],
            None if self.batch is None else vars(s.simulate),
            self.batch,
        ]
        return hashlib.sha256(json.dumps(told, sort_keys=True, default=list).encode()).hexdigest()[:24]


def tasks(study: Study) -> list[Task]:
    """Return the work of a study, in the order of its results."""
    work = []
    for d in range(len(study.designs)):
        timed = study.simulate.every_design or study.built(d).depends_on is DependsOn.TIME
        batches = range(-(-study.simulate.trials // BATCH))
        work += (
            [Task(study, d, s, b) for s in range(len(study.scenarios)) for b in batches] if timed else [Task(study, d)]
        )
    return work


def run_task(task: Task) -> list[dict[str, Any]]:
    """Do a task: sums over trials, or chances, for each true rate of its scenarios. Depends on the task alone."""
    from threadpoolctl import threadpool_limits

    study = task.study
    design = study.built(task.design)
    drawn = {k: study.scenarios[k].sample(study.levels, study.target, study.seed) for k in task.scenarios}
    where = [{"scenario": k, "number": i} for k, truths in drawn.items() for i in range(len(truths))]
    truths = np.concatenate(list(drawn.values()))
    with threadpool_limits(1):  # one core a task: sums come in the same order everywhere
        if task.scenario is None or task.batch is None:
            found = _exact(design, truths, study)
        else:
            clock = study.simulate
            trials = min(BATCH, clock.trials - task.batch * BATCH)
            rng = np.random.default_rng([study.seed, task.batch, *study.scenarios[task.scenario].name.encode()])
            patients = PotentialOutcomes.draw(rng, trials, patients_to_draw(design, clock.dropout))
            world = {k: v for k, v in vars(clock).items() if k not in ("trials", "every_design")}
            found = [_simulated(design, Scenario(tuple(t), **world), patients, study) for t in truths.tolist()]
    return [place | result for place, result in zip(where, found, strict=True)]


def _exact(design: Design, truths: Floats, study: Study) -> list[dict[str, Any]]:
    found = enumerate_trials(design).characteristics(truths)
    numbers, sizes = found.size
    correct, over = found.correct(study.target), found.overdosed(study.target, study.overdose_share)
    accuracy = found.accuracy(study.target)
    return [
        {
            "truth": truths[s].tolist(),
            "trials": None,
            "selection": found.selection[s].tolist(),
            "patients": found.patients[s].tolist(),
            "dlts": found.dlts[s].tolist(),
            "correct": float(correct[s]),
            "overdosed": float(over[s]),
            "accuracy": None if np.isnan(accuracy[s]) else float(accuracy[s]),
            "size": dict(zip(map(str, numbers.tolist()), sizes[s].tolist(), strict=True)),
        }
        for s in range(len(truths))
    ]


def _simulated(design: Design, scenario: Scenario, patients: PotentialOutcomes, study: Study) -> dict[str, Any]:
    found = simulate(design, scenario, patients)
    over, _ = found.overdosed(study.target, study.overdose_share)

    def sums(values: NDArray[Any]) -> list[list[float]]:
        return [values.sum(axis=0).tolist(), (values.astype(float) ** 2).sum(axis=0).tolist()]

    return {
        "truth": list(scenario.truth),
        "trials": found.trials,
        "selection": np.bincount(found.mtd + 1, minlength=study.levels + 1).tolist(),
        "patients": sums(found.treated),
        "dlts": sums(found.toxic),
        "duration": sums(found.duration),
        "overdosed": round(over * found.trials),
        "size": {
            str(n): int(c) for n, c in zip(*np.unique(found.treated.sum(axis=1), return_counts=True), strict=True)
        },
    }


def run_study(
    study: Study,
    folder: Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Table:
    """Do what of a study is not yet done, and return its results.

    Parameters
    ----------
    study
        the study.
    folder
        where each finished task is kept; those found there are not done again.
    workers
        processes; as many as there are cores, where not given.
    scheduler
        address of a Dask scheduler whose workers do the tasks instead.
    progress
        called with how many tasks are done, and how many there are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    every = tasks(study)
    keep = {task.key: folder / f"{task.key}.json" for task in every}
    todo = [task for task in every if not keep[task.key].exists()]
    done = len(every) - len(todo)
    progress(done, len(every))
    for task, result in _each(todo, workers or cores(), scheduler):
        path = keep[task.key]
        beside = path.with_suffix(".part")
        beside.write_text(json.dumps(result))
        beside.replace(path)
        done += 1
        progress(done, len(every))
    return results(study, [(task, json.loads(keep[task.key].read_text())) for task in every])


def _each(todo: list[Task], workers: int, scheduler: str | None) -> Iterator[tuple[Task, list[dict[str, Any]]]]:
    """Yield each task with its result, as they come."""
    if scheduler is not None:
        try:
            import distributed
        except ImportError:
            raise ValueError('a scheduler needs Dask: install it with pip install "posology[cluster]"') from None
        try:
            client = distributed.Client(scheduler, timeout=POLL_SECONDS)
        except (OSError, ValueError) as error:
            raise ValueError(f"no Dask scheduler answers at {scheduler}: {error}") from None
        with client:
            futures = {client.submit(run_task, task, pure=False): task for task in todo}
            for future in distributed.as_completed(futures):
                yield futures[future], future.result()
    elif workers == 1 or len(todo) == 1:
        for task in todo:
            yield task, run_task(task)
    else:
        with ProcessPoolExecutor(workers) as pool:
            running = {pool.submit(run_task, task): task for task in todo}
            for future in as_completed(running):
                yield running[future], future.result()


def results(study: Study, found: list[tuple[Task, list[dict[str, Any]]]]) -> Table:
    """Return a row for each design and scenario: chances and means, with standard errors where they were simulated."""
    groups: dict[tuple[int, int, int], list[dict[str, Any]]] = {}
    for task, parts in found:
        for part in parts:
            groups.setdefault((task.design, part["scenario"], part["number"]), []).append(part)
    rows = [
        {"design": study.names[d], "scenario": study.scenarios[s].name, "number": k + 1, **_row(study, parts)}
        for (d, s, k), parts in groups.items()
    ]
    return Table(study.study, {name: [row[name] for row in rows] for name in rows[0]})


def summary(table: Table) -> Table:
    """Return a row for each design and scenario of a study's results: means over the scenario's family."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in table.rows():
        groups.setdefault((row["design"], row["scenario"]), []).append(row)
    told = ("correct", "overdosed", "no MTD", "patients", "DLTs", "days")

    def mean(rows: list[dict[str, Any]], name: str) -> float | None:
        return None if rows[0][name] is None else float(np.mean([row[name] for row in rows]))

    rows = [
        {
            "design": d,
            "scenario": s,
            "of": len(rows),
            "method": rows[0]["method"],
            **{name: mean(rows, name) for name in told},
            "± correct": float(np.sqrt(np.sum([row["± correct"] ** 2 for row in rows])) / len(rows)),
        }
        for (d, s), rows in groups.items()
    ]
    return Table(table.title, {name: [row[name] for row in rows] for name in rows[0]})


def _row(study: Study, parts: list[dict[str, Any]]) -> dict[str, Any]:
    truth = np.array(parts[0]["truth"])
    exact = parts[0]["trials"] is None
    n = 1 if exact else sum(p["trials"] for p in parts)

    def add(name: str, k: int | None = None) -> Floats:
        return np.asarray(np.sum([p[name] if exact or k is None else p[name][k] for p in parts], axis=0))

    selection = add("selection") / n
    at = int(true_mtd(truth, study.target)[0])
    means = {name: add(name, 0) / n for name in ("patients", "dlts")}

    def error(p: float) -> float:
        return 0.0 if exact else float(np.sqrt(p * (1 - p) / n))

    row: dict[str, Any] = {"method": "exact" if exact else f"{n:,} trials"}
    for j in range(len(truth)):
        row[f"true {j + 1}"] = float(truth[j])
    row["no MTD"] = float(selection[0])
    for j in range(len(truth)):
        row[f"select {j + 1}"] = float(selection[j + 1])
    for j in range(len(truth)):
        row[f"patients {j + 1}"] = float(means["patients"][j])
    over = float(add("overdosed") / n)
    correct = float(selection[at + 1])
    row |= {
        "correct": correct,
        "± correct": error(correct),
        "overdosed": over,
        "± overdosed": error(over),
        "patients": float(means["patients"].sum()),
        "DLTs": float(means["dlts"].sum()),
    }
    row["days"] = None if exact else float(add("duration", 0) / n)
    return row
