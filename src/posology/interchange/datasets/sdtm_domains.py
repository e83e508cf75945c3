"""The domains of SDTM as the standard lists them: class, topic, whose rows they are, how rows are named.

SDTMIG 3.3 and 3.4 (``standards/sdtm/domains.csv``). Which domain a dataset is of, is said by its DOMAIN: a domain may
be split over several datasets (LBCH, LBHE), and a file may bear any name.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

GENERAL = frozenset(
    [
        "STUDYID",
        "DOMAIN",
        "USUBJID",
        "APID",
        "POOLID",
        "SPDEVID",
        "NHOID",
        "FETUSID",
        "FOCID",
        "VISITNUM",
        "VISIT",
        "VISITDY",
        "TAETORD",
        "EPOCH",
        "RPHASE",
        "RPPLDY",
        "RPPLSTDY",
        "RPPLENDY",
        "MIDS",
        "RELMIDS",
        "MIDSDTC",
        "SETCD",
        "SUBJID",
        "RDOMAIN",
    ]
)
"""The variables that any observation may have, without its domain before them."""


@dataclass(frozen=True)
class DomainSpec:
    """What the standard says of a domain.

    ``topic`` is the variable that says what a row is about; ``subject`` the one that says whose it is, empty where rows
    are of no subject; ``sequence`` whether rows have a number of their own; ``own`` the variables that are its own
    without its name before them (``*``: any).
    """

    domain: str
    class_: str
    topic: str
    subject: str
    sequence: bool
    own: frozenset[str]


@cache
def domains() -> dict[str, DomainSpec]:
    """Return the domains of the standard by name.

    >>> domains()["SV"].sequence, sorted(domains()["SE"].own)
    (False, ['ELEMENT', 'ETCD'])
    """
    text = files("posology.interchange").joinpath("standards/sdtm/domains.csv").read_text(encoding="utf-8")
    return {
        row["domain"]: DomainSpec(
            row["domain"],
            row["class"],
            row["topic"],
            row["subject"],
            row["sequence"] == "Y",
            frozenset(row["own"].split()),
        )
        for row in csv.DictReader(text.splitlines())
    }


def domain_of(name: str, frame: pl.DataFrame) -> str:
    """Return the domain that a dataset is of: what DOMAIN says throughout, for qualifiers SUPP and what RDOMAIN says.

    Parameters
    ----------
    name
        of the dataset or file, for one that does not say it.
    frame
        its rows.

    Examples
    --------
    >>> import polars as pl
    >>> domain_of("lbch", pl.DataFrame({"DOMAIN": ["LB"]})), domain_of("AE", pl.DataFrame({"AETERM": ["Rash"]}))
    ('LB', 'AE')
    """
    known = {column.upper(): column for column in frame.columns}
    variable, before = ("RDOMAIN", "SUPP") if {"RDOMAIN", "QNAM"} <= set(known) else ("DOMAIN", "")
    if variable in known:
        named = frame[known[variable]].drop_nulls().unique().to_list()
        if len(named) == 1 and str(named[0]).strip():
            return f"{before}{str(named[0]).strip().upper()}"
    return name.upper()
