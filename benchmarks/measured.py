"""Benchmarks on measured concentrations: analysis without a model, population fits, and the model with saturable loss.

Run: python benchmarks/measured.py [PROFILES]. Prints seconds (medians of three runs) and ratios: to a plain loop over
profiles or a fit by SciPy's solver, written here, whose results are compared with ours before either is timed.
"""

from __future__ import annotations

import csv
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from posology.pharmacology.estimation.foce import default_start, fit, simulate
from posology.pharmacology.estimation.random_effects import Population
from posology.pharmacology.estimation.residual_error import ResidualError
from posology.pharmacology.nca.parameters import nca
from posology.pharmacology.pk_models.data import PkDataset, SubjectData, pk_dataset
from posology.pharmacology.pk_models.linear import ORAL, TWO_COMPARTMENTS
from posology.pharmacology.pk_models.michaelis_menten import SATURABLE

THEOPHYLLINE = Path(__file__).parents[1] / "tests" / "data" / "pharmacology" / "theophylline.csv"
TIMES = np.array([0.1, 0.25, 1, 3, 7, 14, 20.9])
PHI = np.log([0.36, 2.5, 0.45, 1.6, 4.9, 7.4])
LEVELS = np.array([0.15, 0.5, 1, 2, 3.3, 5, 7]) * 70


def timed(work: Callable[[], Any], runs: int = 3) -> tuple[float, Any]:
    result, seconds = work(), []
    for _ in range(runs):
        begun = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds), result


def show(what: str, seconds: float, beside: float | None = None, note: str = "") -> None:
    ratio = f"{beside:>10.3f}{beside / seconds:>10.0f}" if beside is not None else " " * 20
    print(f"{what:<58}{seconds:>10.4f}{ratio}  {note}")


def one_profile(t: np.ndarray, c: np.ndarray) -> tuple[float, float]:
    """Return the area to infinity and the terminal slope, point by point: linear up, logarithmic down, best slope."""
    area = 0.0
    for i in range(len(t) - 1):
        step, a, b = t[i + 1] - t[i], c[i], c[i + 1]
        area += step * (a - b) / np.log(a / b) if 0 < b < a else step * (a + b) / 2
    best, slope, peak = -np.inf, np.nan, int(np.argmax(c))
    for first in range(len(t) - 3, peak, -1):
        x, y = t[first:], np.log(c[first:])
        n, dx, dy = len(x), x - x.mean(), y - y.mean()
        r2 = (dx @ dy) ** 2 / (dx @ dx) / (dy @ dy)
        adjusted = 1 - (1 - r2) * (n - 1) / (n - 2)
        if dx @ dy < 0 and adjusted > best - 1e-4:
            best, slope = max(best, adjusted), -(dx @ dy) / (dx @ dx)
    return area + c[-1] / slope, slope


def by_scipy(data: PkDataset, phi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return concentrations and derivatives of one infusion each by the variational equations, patient by patient."""
    cl, v1, q, v2, most, km = np.exp(phi)
    value, change = np.empty(data.time.shape), np.empty((*data.time.shape, 6))

    def flow(_: float, y: np.ndarray, rate: float) -> np.ndarray:
        c, d, s, p = y[0], y[1], y[2:8], y[8:]
        gap, share = c - d, c / (km + c)
        dc = (rate - cl * c - q * gap - most * share) / v1
        dd = q / v2 * gap
        forced = np.array([-cl * c / v1, -dc, -q * gap / v1, 0, -most * share / v1, most * share * km / (km + c) / v1])
        ds = -(cl + q + most * km / (km + c) ** 2) / v1 * s + q / v1 * p + forced
        dp = q / v2 * (s - p) + np.array([0, 0, dd, -dd, 0, 0])
        return np.concatenate([[dc, dd], ds, dp])

    for i in range(len(data)):
        end, rate = data.duration[i, 0], data.amount[i, 0] / data.duration[i, 0]
        settings = {"method": "LSODA", "rtol": 1e-9, "atol": 1e-10}
        first = solve_ivp(flow, (0, end), np.zeros(14), args=(rate,), **settings).y[:, -1]
        after = solve_ivp(flow, (end, data.time[i, -1]), first, args=(0.0,), t_eval=data.time[i], **settings).y
        value[i], change[i] = after[0], after[2:8].T
    return value, change


def infused(doses: np.ndarray) -> PkDataset:
    return pk_dataset(
        [
            SubjectData(str(i), [(0.0, float(mg), 0.1, 0.0)], [(float(t), 0.0, False) for t in TIMES])
            for i, mg in enumerate(doses)
        ]
    )


def theophylline() -> PkDataset:
    held: dict[str, tuple[list, list]] = {}
    for row in csv.DictReader(THEOPHYLLINE.read_text().splitlines()):
        doses, samples = held.setdefault(row["ID"], ([], []))
        if row["EVID"] == "1":
            doses.append((float(row["TIME"]), float(row["AMT"]), 0.0, 0.0))
        else:
            samples.append((float(row["TIME"]), float(row["DV"]), False))
    return pk_dataset([SubjectData(name, *parts) for name, parts in held.items()])


def main(profiles: int) -> None:
    rng = np.random.default_rng(853)
    print(f"{'what':<58}{'s':>10}{'beside s':>10}{'ratio':>10}")

    when = np.array([0.0, 0.5, 1, 2, 4, 8, 12, 24, 36, 48])
    ka, ke = rng.lognormal(0.3, 0.4, (profiles, 1)), rng.lognormal(-2.3, 0.3, (profiles, 1))
    level = (
        ka / (ka - ke) * (np.exp(-ke * when) - np.exp(-ka * when)) * np.exp(rng.normal(0, 0.05, (profiles, len(when))))
    )
    clock = np.broadcast_to(when, level.shape)
    seconds, found = timed(lambda: nca(clock, level, np.full(profiles, 1.0), route="extravascular"))
    few = min(profiles, 1000)
    loop, plain = timed(lambda: np.array([one_profile(when, c) for c in level[:few]]), 1)
    assert np.allclose(plain.T, [found.auc_inf_obs[:few], found.slope.lambda_z[:few]], rtol=1e-9, equal_nan=True)
    show(
        f"NCA of {profiles:,} profiles (all quantities; the loop: two)", seconds, loop * profiles / few, "a plain loop"
    )

    seconds, result = timed(
        lambda: fit(ORAL, theophylline(), default_start(ORAL, [1.5, 2.7, 31.5], cv=0.5, residual=ResidualError(0.7, 0)))
    )
    show(
        "FOCE-I, theophylline, 12 patients, 132 samples",
        seconds,
        None,
        f"objective {result.objective:.3f} (nlmixr2 116.804)",
    )

    truth = Population(
        dict(zip(TWO_COMPARTMENTS.parameters, np.exp(PHI[:4]), strict=True)),
        ("CL", "V1", "V2"),
        np.diag([0.3, 0.25, 0.3]) ** 2,
        ResidualError(0.0, 0.12),
    )
    data = infused(np.full(100, 350.0))
    drawn = data.with_values(simulate(TWO_COMPARTMENTS, data, truth, rng)[0], 1e-3)
    seconds, result = timed(lambda: fit(TWO_COMPARTMENTS, drawn, truth), 1)
    show("FOCE-I, two compartments, 100 patients, 700 samples", seconds, None, f"{result.evaluations} evaluations")

    trial = infused(np.resize(LEVELS, 100))
    phi = np.tile(PHI, (100, 1))
    seconds, (value, change) = timed(lambda: SATURABLE.sensitivities(trial, phi))
    loop, (other, slope) = timed(lambda: by_scipy(trial, PHI), 1)
    apart = max(np.abs(value / other - 1).max(), (np.abs(change - slope).max(axis=2) / other).max())
    assert apart < 1e-5, apart
    show("saturable loss with derivatives, 100 patients", seconds, loop, f"SciPy's LSODA; apart by {apart:.0e}")
    seconds, _ = timed(lambda: SATURABLE.predict(trial, phi))
    show("saturable loss, concentrations only", seconds)
    seconds, _ = timed(lambda: TWO_COMPARTMENTS.sensitivities(trial, phi[:, :4]))
    show("for comparison: two compartments in closed form", seconds)

    loss = Population(
        {**truth.typical, "Vmax": 4.9, "Km": 7.4}, ("CL", "V1"), np.diag([0.3, 0.25]) ** 2, ResidualError(0, 0.12)
    )
    small = infused(np.resize(LEVELS, 21))
    drawn = small.with_values(simulate(SATURABLE, small, loss, rng)[0], 0.1)
    seconds, result = timed(lambda: fit(SATURABLE, drawn, loss), 1)
    show("FOCE-I, saturable loss, 21 patients, 147 samples", seconds, None, f"{result.evaluations} evaluations")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
