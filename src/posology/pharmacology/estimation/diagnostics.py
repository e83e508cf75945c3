"""Does a fitted model describe the data? Residuals and the prediction-corrected visual predictive check.

Hooker AC, Staatz CE, Karlsson MO. Pharm Res 2007;24:2187-2197 (conditional weighted residuals);
Brendel K, et al. Pharm Res 2006;23:2036-2049 (normalised prediction distribution errors);
Bergstrand M, et al. AAPS J 2011;13:143-151 (prediction correction).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from posology.pharmacology.blq import is_blq
from posology.pharmacology.estimation.empirical_bayes import empirical_bayes
from posology.pharmacology.estimation.foce import simulate
from posology.pharmacology.estimation.random_effects import Population
from posology.pharmacology.estimation.residual_error import error_scale
from posology.pharmacology.pk_models.base import StructuralModel
from posology.pharmacology.pk_models.data import PkDataset
from posology.pharmacology.pk_models.time_varying import predict
from posology.shared.arrays import Bools, Floats, Ints


@dataclass(frozen=True)
class Residuals:
    """Predictions and residuals of each sample, (patients, samples), NaN where no sample is.

    ``population`` and ``individual`` are predictions without and with the random effects. ``weighted`` is the
    individual weighted residual, ``empirical_bayes`` the conditional weighted residual (CWRES with interaction),
    ``npde`` the normalised prediction distribution error: each about standard normal under the model. A value below
    quantification has predictions and no residual.
    """

    population: Floats
    individual: Floats
    weighted: Floats
    conditional: Floats
    npde: Floats

    def subset(self, samples: Bools) -> Residuals:
        """Return those of some samples, (patients, samples)."""
        return Residuals(*(np.where(samples, getattr(self, f.name), np.nan) for f in fields(self)))


def residuals(
    model: StructuralModel, data: PkDataset, population: Population, rng: np.random.Generator, *, repeats: int = 1000
) -> Residuals:
    """Return the residuals of a fit; ``repeats`` data sets are simulated for the NPDE.

    Parameters
    ----------
    model, data, population
        the structural model, the measurements, and the population of the fit.
    rng
        of what is simulated.
    repeats
        how many data sets are.

    Examples
    --------
    >>> from posology.pharmacology.estimation.error_models import ResidualError
    >>> from posology.pharmacology.pk_models.data import SubjectData, pk_dataset
    >>> from posology.pharmacology.pk_models.linear import ONE_COMPARTMENT
    >>> doses = [(0.0, 100.0, 0.0, 0.0)]
    >>> people = [SubjectData(str(i), doses, [(1.0, 9.0 + i, False), (8.0, 4.0 + i, False)]) for i in range(6)]
    >>> data = pk_dataset(people)
    >>> start = Population({"CL": 1.2, "V": 10.0}, ("CL", "V"), np.diag([0.09, 0.04]), ResidualError(0.0, 0.1))
    >>> residuals(ONE_COMPARTMENT, data, start, np.random.default_rng(1), repeats=50).conditional.shape
    (6, 2)
    """
    typical = population.log_parameters(model, data)
    found = empirical_bayes(model, data, population)
    scale = error_scale(data, found.predicted, population.residual)
    gradient = scale.slope[..., None] * found.gradient
    expected = scale.predicted - np.einsum("psr,pr->ps", gradient, found.eta)
    own = scale.variance
    spread = np.einsum("psr,rq,ptq->pst", gradient, population.random_effects(model, data).variance, gradient)
    used = data.observed & ~data.below
    drawn = simulate(model, data, population, rng, repeats=repeats)
    shape = data.time.shape
    cwres, npde = np.full(shape, np.nan), np.full(shape, np.nan)
    for row, keep in enumerate(used):
        if keep.any():
            covariance = spread[row][np.ix_(keep, keep)] + np.diag(own[row, keep])
            values, vectors = np.linalg.eigh(covariance)
            error = scale.measured[row, keep] - expected[row, keep]
            cwres[row, keep] = vectors @ (vectors.T @ error / np.sqrt(values))
            npde[row, keep] = _npde(data.value[row, keep], drawn[:, row, keep])

    def there(values: Floats, where: Bools) -> Floats:
        return np.asarray(np.where(where, values, np.nan))

    return Residuals(
        there(predict(model, data, typical), data.observed),
        there(found.predicted, data.observed),
        there((scale.measured - scale.predicted) / np.sqrt(np.where(own > 0, own, 1)), used),
        cwres,
        npde,
    )


def _npde(observed: Floats, drawn: Floats) -> Floats:
    """Decorrelate a patient's samples by what was simulated, and return the normal scores of their ranks among it."""
    from scipy.special import ndtri

    repeats = len(drawn)
    factor = np.linalg.cholesky(np.atleast_2d(np.cov(drawn.T)))
    centred = np.linalg.solve(factor, (drawn - drawn.mean(axis=0)).T)
    own = np.linalg.solve(factor, observed - drawn.mean(axis=0))
    share = (centred < own[:, None]).mean(axis=1)
    return np.asarray(ndtri(np.clip(share, 0.5 / repeats, 1 - 0.5 / repeats)))


@dataclass(frozen=True)
class VisualPredictiveCheck:
    """A visual predictive check by bins of time: percentiles observed and simulated.

    ``observed`` (bins, percentiles); ``simulated`` (bins, percentiles, 3): lower limit, median and upper limit over the
    simulated data sets. NaN where a percentile falls among the values below quantification. ``below`` (bins, 4): the
    share of those observed, and the lower limit, median and upper limit simulated. ``time`` and ``value`` are the
    samples as they are drawn: prediction-corrected, those below quantification left out.
    """

    edges: Floats
    centre: Floats
    count: Ints
    percentiles: tuple[float, ...]
    observed: Floats
    simulated: Floats
    below: Floats
    time: Floats
    value: Floats
    corrected: bool


def visual_predictive_check(  # noqa: PLR0913 (each an option of the method)
    model: StructuralModel,
    data: PkDataset,
    population: Population,
    rng: np.random.Generator,
    *,
    repeats: int = 500,
    bins: int = 8,
    percentiles: tuple[float, ...] = (5.0, 50.0, 95.0),
    level: float = 0.95,
    corrected: bool = True,
    since_dose: bool = False,
    analyte: int = 0,
) -> VisualPredictiveCheck:
    """Simulate the trial ``repeats`` times and compare its percentiles with those observed.

    Parameters
    ----------
    model, data, population
        the structural model, the measurements, and the population of the fit.
    rng, repeats
        the source of chance, and how many data sets are simulated.
    percentiles, level
        that are compared, and of the interval of the simulated ones.
    bins
        of time, about equally many samples in each.
    corrected
        correct each value by the ratio of its bin's median population prediction to its own: doses and covariates that
        differ no longer widen the bands.
    since_dose
        time since the latest dose rather than since time 0.
    analyte
        which, by its place among the data's.

    Raises
    ------
    ValueError
        if there are fewer samples than bins.

    Examples
    --------
    >>> from posology.pharmacology.estimation.error_models import ResidualError
    >>> from posology.pharmacology.pk_models.data import SubjectData, pk_dataset
    >>> from posology.pharmacology.pk_models.linear import ONE_COMPARTMENT
    >>> doses = [(0.0, 100.0, 0.0, 0.0)]
    >>> people = [SubjectData(str(i), doses, [(1.0, 9.0 + i, False), (8.0, 4.0 + i, False)]) for i in range(6)]
    >>> data = pk_dataset(people)
    >>> start = Population({"CL": 1.2, "V": 10.0}, ("CL", "V"), np.diag([0.09, 0.04]), ResidualError(0.0, 0.1))
    >>> visual_predictive_check(ONE_COMPARTMENT, data, start, np.random.default_rng(1), repeats=20, bins=2).count.tolist()
    [6, 6]
    """
    drawn = simulate(model, data, population, rng, repeats=repeats)
    seen = data.observed & (data.analyte == analyte)
    predicted = predict(model, data, population.log_parameters(model, data))[seen]
    time = data.time.copy()
    if since_dose:
        latest = np.where(data.dose_counts, data.dose_time[:, None, :], -np.inf).max(axis=2)
        time = np.where(np.isfinite(latest), time - latest, time)
    when, value, limit = time[seen], data.value[seen], _limits(data, seen)[seen]
    low = data.below[seen]
    edges = _edges(when, bins)
    place = np.clip(np.searchsorted(edges, when, side="right") - 1, 0, len(edges) - 2)
    middle = np.array([np.median(predicted[place == b]) for b in range(len(edges) - 1)])
    ratio = np.where(predicted > 0, middle[place] / np.where(predicted > 0, predicted, 1), 1.0) if corrected else 1.0
    ratio = np.broadcast_to(ratio, when.shape)
    own = np.where(low, -np.inf, value * ratio)
    flat = drawn[:, seen]
    beneath = is_blq(flat, limit)
    flat = np.where(beneath, -np.inf, flat * ratio)
    tail = [(1 - level) / 2, 0.5, (1 + level) / 2]
    count = len(edges) - 1
    observed = np.empty((count, len(percentiles)))
    simulated = np.empty((count, len(percentiles), 3))
    below = np.empty((count, 4))
    for b in range(count):
        here = place == b
        observed[b] = _percentiles(own[here][None], percentiles)[0]
        each = _percentiles(flat[:, here], percentiles)
        simulated[b] = _percentiles(np.where(np.isnan(each), -np.inf, each).T, tuple(100 * t for t in tail))
        below[b] = low[here].mean(), *np.quantile(beneath[:, here].mean(axis=1), tail)
    centre = np.array([np.median(when[place == b]) for b in range(count)])
    return VisualPredictiveCheck(
        edges,
        centre,
        np.bincount(place, minlength=count),
        percentiles,
        observed,
        simulated,
        below,
        when[~low],
        (value * ratio)[~low],
        corrected,
    )


def _limits(data: PkDataset, seen: Bools) -> Floats:
    """Return the limit of quantification of each sample: its own, else the lowest that those seen show, else none."""
    low = data.below & seen
    lowest = float(data.value[low].min()) if low.any() else -np.inf
    return np.where(data.below, data.value, lowest)


def _edges(when: Floats, bins: int) -> Floats:
    """Return edges of about equally full bins, each put into the widest gap between times near where it would fall."""
    if not 1 <= bins <= len(when):
        raise ValueError(f"{bins} bins for {len(when)} samples; it takes a sample in each at least")
    ordered = np.sort(when)
    gaps, middle = np.diff(ordered), (ordered[1:] + ordered[:-1]) / 2
    wide = max(len(when) // (2 * bins), 1)
    inner = set()
    for rank in (k * len(when) // bins for k in range(1, bins)):
        low = max(rank - 1 - wide, 0)
        best = low + int(np.argmax(gaps[low : rank + wide]))
        if gaps[best] > 0:
            inner.add(float(middle[best]))
    return np.array([ordered[0], *sorted(inner), ordered[-1] if ordered[-1] > ordered[0] else ordered[0] + 1])


def _percentiles(rows: Floats, percentiles: tuple[float, ...]) -> Floats:
    """Return the percentiles of each row, NaN where one falls among the values below quantification (−inf)."""
    ordered = np.sort(rows, axis=1)
    at = np.asarray(percentiles) / 100 * (rows.shape[1] - 1)
    left, share = np.floor(at).astype(int), at - np.floor(at)
    right = np.minimum(left + 1, rows.shape[1] - 1)
    low, high = ordered[:, left], ordered[:, right]
    known = np.isfinite(low)
    return np.asarray(np.where(known, np.where(known, low, 0) * (1 - share) + np.where(known, high, 0) * share, np.nan))
