"""An antibody-drug conjugate as three described parts: antibody, linker, payload.

Every number is a :class:`Quantity`: a value with its unit, how well it is known, and where it comes from. The symbols
are those of Pouzin C et al., J Pharmacokinet Pharmacodyn 2022;49:381 (plasma) and Shah DK et al., J Pharmacokinet
Pharmacodyn 2012;39:643 (tumour). Parts are swapped with :meth:`Compound.swap`.
"""

# ruff: noqa: RUF009 (`_of` declares a field)
from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Any, Literal

from posology.pharmacology.compounds.quantity import Quantity

DRUGS = 8
"""The highest drug-to-antibody ratio of the chain."""


def _of(unit: str, *, least: float = 0.0, above: bool = False, most: float = math.inf, count: int = 0) -> Any:
    """Declare the unit and domain of a part's field; ``above``: the least value itself is not allowed."""
    return field(metadata={"unit": unit, "least": least, "above": above, "most": most, "count": count})


@dataclass(frozen=True)
class Component:
    """What the three parts share: every quantity has the unit that the equations expect, and lies in its domain."""

    name: str

    def __post_init__(self) -> None:
        for f in fields(self):
            if "unit" not in f.metadata:
                continue
            held, count = getattr(self, f.name), f.metadata["count"]
            each = held if count else (held,)
            if len(each) != (count or 1):
                raise ValueError(f"{self.name}: {f.name} has {len(each)} values: it must have {count}")
            for quantity in each:
                _check(f"{self.name}: {f.name}", quantity, **{k: v for k, v in f.metadata.items() if k != "count"})

    def quantities(self) -> Iterator[tuple[str, Quantity]]:
        """Yield each quantity with its name; those of a series are numbered by drugs on the antibody."""
        for f in fields(self):
            held = getattr(self, f.name)
            if isinstance(held, Quantity):
                yield f.name, held
            elif isinstance(held, tuple):
                yield from ((f"{f.name}{i + DRUGS + 1 - len(held)}", q) for i, q in enumerate(held))


def _check(name: str, quantity: Quantity, *, unit: str, least: float, above: bool, most: float) -> None:
    if not isinstance(quantity, Quantity):
        raise TypeError(f"{name} is {quantity!r}: it must be a Quantity, with unit, evidence and source")
    if quantity.unit != unit:
        raise ValueError(f"{name} is in {quantity.unit}: it must be in {unit}")
    if quantity.value < least or quantity.value > most or (above and quantity.value == least):
        bound = f"above {least:g}" if above else f"at least {least:g}"
        raise ValueError(
            f"{name} is {quantity.value:g} {unit}: it must be {bound}"
            + (f" and at most {most:g}" if most < math.inf else "")
        )


@dataclass(frozen=True)
class Antibody(Component):
    """The antibody: how it is disposed of, and how it meets its target.

    Parameters
    ----------
    molar_mass, naked_mass
        of the conjugate and of the antibody without drug, g/mol.
    vc, vp, q
        central and peripheral volume [L] and the clearance between them [L/d].
    cl, cl_nab
        clearance of the antibody that bears drug (proteolysis alone, not loss of drug) and of the naked one [L/d].
    vmax, km
        saturable loss (Michaelis-Menten), mg/d and ug/mL; vmax 0: there is none.
    kon, koff, kint
        binding to the target [/nM/d], release [/d], internalisation of the complex [/d].
    transfer, diffusion, void
        from blood to tumour: 2 P Rcap / Rkrogh^2 [/d], D [cm2/d], fraction of the tumour open to it.
    """

    molar_mass: Quantity = _of("g/mol", above=True)
    naked_mass: Quantity = _of("g/mol", above=True)
    vc: Quantity = _of("L", above=True)
    vp: Quantity = _of("L", above=True)
    q: Quantity = _of("L/d")
    cl: Quantity = _of("L/d", above=True)
    cl_nab: Quantity = _of("L/d", above=True)
    vmax: Quantity = _of("mg/d")
    km: Quantity = _of("ug/mL", above=True)
    kon: Quantity = _of("/nM/d", above=True)
    koff: Quantity = _of("/d")
    kint: Quantity = _of("/d")
    transfer: Quantity = _of("/d")
    diffusion: Quantity = _of("cm2/d")
    void: Quantity = _of("1", above=True, most=1.0)

    @property
    def kd(self) -> float:
        """Dissociation constant koff/kon [nM]."""
        return self.koff.value / self.kon.value


@dataclass(frozen=True)
class Linker(Component):
    """The linker: how many drugs it carries, how it loses them in blood, and what it leaves in a cell.

    Parameters
    ----------
    cleavable
        whether the payload is freed from what lysosomal degradation leaves.
    catabolite
        "charged" (stays in the cell, spares its neighbours) or "hydrophobic" (leaves).
    fractions
        share of the antibodies with 0, 1, ... 8 drugs; rounded shares are scaled to sum to 1.
    kdec, kdec_scale
        rate [/d] at which an antibody with 1, ... 8 drugs loses one, and a factor on all of them.
    catabolised
        share of the drug of an antibody cleared by proteolysis that comes back to plasma as free payload.
    release
        lysosomal degradation of the internalised conjugate to its catabolite [/d].
    cleavage
        the catabolite to free payload, inside the cell [/d]; 0 for a linker that is not cleavable.
    kin, kout
        entry of the catabolite to a cell, and exit [/d].
    pgp
        factor on the catabolite's exit in a cell that pumps by P-gp; 1: no substrate.
    """

    cleavable: bool
    catabolite: Literal["charged", "hydrophobic"]
    fractions: tuple[Quantity, ...] = _of("1", most=1.0, count=DRUGS + 1)
    kdec: tuple[Quantity, ...] = _of("/d", count=DRUGS)
    kdec_scale: Quantity = _of("1")
    catabolised: Quantity = _of("1", most=1.0)
    release: Quantity = _of("/d", above=True)
    cleavage: Quantity = _of("/d")
    kin: Quantity = _of("/d")
    kout: Quantity = _of("/d")
    pgp: Quantity = _of("1", least=1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cleavable != (self.cleavage.value > 0):
            raise ValueError(
                f"{self.name}: cleavage is {self.cleavage.value:g} /d: it must be "
                + ("above 0 for a cleavable linker" if self.cleavable else "0 for one that is not cleavable")
            )
        if abs(total := sum(map(float, self.fractions)) - 1) > 0.01:
            raise ValueError(f"{self.name}: fractions sum to {1 + total:g}: they must sum to 1")

    @property
    def mean_dar(self) -> float:
        """Mean number of drugs on an antibody of the dose."""
        shares = [f.value for f in self.fractions]
        return sum(n * share for n, share in enumerate(shares)) / sum(shares)


@dataclass(frozen=True)
class Payload(Component):
    """The payload: its course in plasma, how it crosses a membrane, and how it kills.

    Parameters
    ----------
    molar_mass, metabolite_mass
        of the payload and of its methylated metabolite, g/mol.
    v, cl, vp, q
        apparent volume [L] and clearance [L/d] of the free payload, peripheral volume and exchange (q 0: none).
    fr, metabolite_v, metabolite_cl
        fraction of the payload's clearance that forms the metabolite, and its apparent volume and clearance.
    kin, kout
        entry to a cell and exit [/d].
    pgp
        factor on the exit in a cell that pumps by P-gp; 1: no substrate.
    transfer, diffusion, void
        from blood to tumour, as for the antibody.
    tubulin, kon_tubulin, koff_tubulin
        tubulin in a cell [nM], binding [/nM/d] and release [/d].
    kmax, ec50, hill
        greatest kill rate [/d], amount in a cell for half of it [nM], and steepness.
    """

    molar_mass: Quantity = _of("g/mol", above=True)
    metabolite_mass: Quantity = _of("g/mol", above=True)
    v: Quantity = _of("L", above=True)
    cl: Quantity = _of("L/d", above=True)
    vp: Quantity = _of("L", above=True)
    q: Quantity = _of("L/d")
    fr: Quantity = _of("1", most=1.0)
    metabolite_v: Quantity = _of("L", above=True)
    metabolite_cl: Quantity = _of("L/d", above=True)
    kin: Quantity = _of("/d")
    kout: Quantity = _of("/d")
    pgp: Quantity = _of("1", least=1.0)
    transfer: Quantity = _of("/d")
    diffusion: Quantity = _of("cm2/d")
    void: Quantity = _of("1", above=True, most=1.0)
    tubulin: Quantity = _of("nM")
    kon_tubulin: Quantity = _of("/nM/d")
    koff_tubulin: Quantity = _of("/d")
    kmax: Quantity = _of("/d")
    ec50: Quantity = _of("nM", above=True)
    hill: Quantity = _of("1", above=True)


@dataclass(frozen=True)
class Compound:
    """An antibody-drug conjugate.

    Parameters
    ----------
    name
        what it is called.
    antibody, linker, payload
        its parts.
    correlations
        between patients: (quantity, quantity, correlation), of those with a ``between``; 0 where not named.

    Examples
    --------
    >>> from posology.pharmacology.compounds.library import IMGN853, T_DM1
    >>> swapped = IMGN853.swap(linker=T_DM1.linker)
    >>> swapped.linker.cleavable, swapped.antibody is IMGN853.antibody
    (False, True)
    >>> [line for line in IMGN853.changed(swapped) if line[0] == "linker.cleavage"][0][2].value
    0
    """

    name: str
    antibody: Antibody
    linker: Linker
    payload: Payload
    correlations: tuple[tuple[str, str, Quantity], ...] = ()

    def __post_init__(self) -> None:
        for room, kind in (("antibody", Antibody), ("linker", Linker), ("payload", Payload)):
            if not isinstance(part := getattr(self, room), kind):
                raise TypeError(
                    f"{self.name}: {room} is {type(part).__name__} {getattr(part, 'name', part)!r}: it must be "
                    f"{kind.__name__}"
                )

    def quantities(self) -> dict[str, Quantity]:
        """Return every quantity by its name: ``antibody.vc``, ``linker.kdec1``, ..."""
        parts = (("antibody", self.antibody), ("linker", self.linker), ("payload", self.payload))
        return {f"{room}.{name}": quantity for room, part in parts for name, quantity in part.quantities()}

    def swap(
        self, *, antibody: Antibody | None = None, linker: Linker | None = None, payload: Payload | None = None
    ) -> Compound:
        """Return the compound with other parts; a correlation with a quantity of a part that is swapped goes with it.

        Raises
        ------
        TypeError
            if a part is not of its kind.
        """
        parts = (antibody or self.antibody, linker or self.linker, payload or self.payload)
        rooms = [
            room
            for room, part in zip(("antibody", "linker", "payload"), parts, strict=True)
            if part is not getattr(self, room)
        ]
        kept = tuple(c for c in self.correlations if not any(name.split(".")[0] in rooms for name in c[:2]))
        return replace(
            self,
            name="-".join(part.name for part in parts),
            correlations=kept,
            antibody=parts[0],
            linker=parts[1],
            payload=parts[2],
        )

    def altered(
        self, name: str, value: float, unit: str, *, cv: float | None = None, between: float | None = None
    ) -> Compound:
        """Return the compound with another value of one quantity, which is then assumed; and with other spreads, if
        given.

        Raises
        ------
        ValueError
            if there is no such quantity, the unit is not the one the equations expect, or the value lies out of its
            domain.

        Examples
        --------
        >>> from posology.pharmacology.compounds.library import IMGN853
        >>> str(IMGN853.altered("antibody.cl", 0.5, "L/d").antibody.cl)
        '0.5 L/d [A]'
        """
        held = self.quantities()
        if name not in held:
            near = get_close_matches(name, held, n=1, cutoff=0.5)
            raise ValueError(f"{name} is no quantity of {self.name}" + (f"; did you mean {near[0]}?" if near else ""))
        if unit != held[name].unit:
            raise ValueError(f"{name} is in {held[name].unit}: it cannot be given in {unit}")
        if not (isinstance(value, int | float) and math.isfinite(value)):
            raise ValueError(f"{name} is {value!r}: it must be a finite number [{unit}]")
        room, own = name.split(".")
        changed = held[name] if value == held[name].value else held[name].at(value)
        changed = replace(
            changed, cv=changed.cv if cv is None else cv, between=changed.between if between is None else between
        )
        part = getattr(self, room)
        new: Any = changed
        field_name = own.rstrip("0123456789")
        if isinstance(series := getattr(part, field_name, None), tuple):
            at = int(own[len(field_name) :]) - (DRUGS + 1 - len(series))
            own, new = field_name, (*series[:at], changed, *series[at + 1 :])
        return replace(self, **{room: replace(part, **{own: new})})

    def changed(self, other: Compound) -> list[tuple[str, Quantity, Quantity]]:
        """Return each quantity that another compound has otherwise: name, here, there."""
        here, there = self.quantities(), other.quantities()
        return [(name, here[name], there[name]) for name in here if here[name].value != there[name].value]
