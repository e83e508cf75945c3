"""What Define-XML says of the SDTM that is written from a record: classes, structures, keys, origins, methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from posology.interchange.datasets.dataset import Dataset
from posology.interchange.datasets.metadata import DatasetSpec, DerivationMethod, Standard, VariableSpec

CLASSES = {
    "DM": "SPECIAL PURPOSE",
    "EX": "INTERVENTIONS",
    "CM": "INTERVENTIONS",
    "AE": "EVENTS",
    "MH": "EVENTS",
    "DS": "EVENTS",
    "TS": "TRIAL DESIGN",
}
"""The class of each domain (SDTMIG 3.3); supplemental qualifiers are RELATIONSHIP, all others FINDINGS."""
STRUCTURES = {
    "DM": "One record per subject",
    "EX": "One record per administration per subject",
    "CM": "One record per drug taken per subject",
    "AE": "One record per adverse event per subject",
    "MH": "One record per history event per subject",
    "DS": "One record per disposition event or milestone per subject",
    "LB": "One record per test per sample per subject",
    "VS": "One record per measurement per subject",
    "PC": "One record per analyte per sample per subject",
    "TU": "One record per identified tumour per subject",
    "TR": "One record per tumour measurement per assessment per subject",
    "RS": "One record per response assessment per subject",
    "TS": "One record per trial summary parameter value",
}
METHODS = {
    "USUBJID": DerivationMethod(
        "USUBJID",
        "Unique subject identifier",
        "Computation",
        "STUDYID, a hyphen and SUBJID; the USUBJID of the source where a record was imported.",
    ),
    "SEQ": DerivationMethod(
        "SEQ", "Sequence number", "Computation", "Numbers the records of a subject in the order of their dates."
    ),
    "DY": DerivationMethod(
        "DY", "Study day", "Computation", "Date - RFSTDTC + 1 on and after RFSTDTC, date - RFSTDTC before."
    ),
    "STRES": DerivationMethod(
        "STRES", "Standardised result", "Computation", "The result as reported; diameters in mm."
    ),
    "RFDATE": DerivationMethod(
        "RFDATE",
        "Reference date",
        "Computation",
        "RFSTDTC, RFXSTDTC: the date of the first dose; RFENDTC, RFXENDTC: of the last; those of the source where a"
        " record was imported with them.",
    ),
}


def described(datasets: Sequence[Dataset]) -> tuple[list[Dataset], Standard]:
    """Return the datasets with the keys of their rows marked, and the standard that describes them.

    Examples
    --------
    >>> import polars as pl
    >>> frame = pl.DataFrame({"STUDYID": ["S"], "USUBJID": ["S-1"], "AESEQ": [1], "AETERM": ["Fatigue"]})
    >>> keyed, standard = described([Dataset.of("AE", frame, "Adverse Events")])
    >>> standard.datasets["AE"].keys, keyed[0].variable("AESEQ").key
    (('STUDYID', 'USUBJID', 'AESEQ'), 3)
    """
    specs: dict[str, DatasetSpec] = {}
    variables: dict[str, list[VariableSpec]] = {}
    keyed = []
    for dataset in datasets:
        name, columns = dataset.name, dataset.frame.columns
        supplement = name.startswith("SUPP")
        of = ("TSPARMCD", "TSSEQ") if name == "TS" else (f"{name}SEQ",)
        wanted = ("RDOMAIN", "USUBJID", "IDVAR", "IDVARVAL", "QNAM") if supplement else ("USUBJID", *of)
        keys = tuple(key for key in ("STUDYID", *dict.fromkeys(wanted)) if key in columns)
        class_ = "RELATIONSHIP" if supplement else CLASSES.get(name, "FINDINGS")
        structure = (
            "One record per qualifier per record"
            if supplement
            else STRUCTURES.get(name, "One record per result per subject")
        )
        specs[name] = DatasetSpec(name, dataset.label, class_, structure, keys)
        variables[name] = [_variable(name, column, column in keys) for column in columns]
        marked = tuple(replace(v, key=keys.index(v.name) + 1 if v.name in keys else None) for v in dataset.variables)
        keyed.append(replace(dataset, variables=marked))
    return keyed, Standard("SDTMIG", "3.3", specs, variables, (), {}, METHODS)


def _variable(domain: str, name: str, key: bool) -> VariableSpec:
    """Return what is said of a variable: where it comes from, and by which method if it is derived."""
    origin, method = "Collected", ""
    if name in ("STUDYID", "TSVAL"):
        origin = "Protocol"
    elif name == "USUBJID":
        origin, method = "Derived", "USUBJID"
    elif name in ("RFSTDTC", "RFENDTC", "RFXSTDTC", "RFXENDTC"):
        origin, method = "Derived", "RFDATE"
    elif name == f"{domain}SEQ":
        origin, method = "Derived", "SEQ"
    elif name.endswith("DY") and name.startswith(domain):
        origin, method = "Derived", "DY"
    elif "STRES" in name:
        origin, method = "Derived", "STRES"
    elif name in (
        "DOMAIN",
        "RDOMAIN",
        "IDVAR",
        "IDVARVAL",
        "QNAM",
        "QLABEL",
        "QORIG",
        "VISIT",
        "VISITNUM",
    ) or name.endswith(("TESTCD", "TEST", "DECOD", "CAT", "PARM", "PARMCD", "ARM", "ARMCD")):
        origin = "Assigned"
    return VariableSpec(domain, name, "", "", "", "", "Req" if key else "Perm", "", origin, "", method)
