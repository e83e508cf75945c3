"""From SDTM to a folder of analysis datasets with their Define-XML, at a data cutoff."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING

from posology.interchange.adam.adae import adae
from posology.interchange.adam.adex import adex
from posology.interchange.adam.adlb import adlb
from posology.interchange.adam.adpc import adpc
from posology.interchange.adam.adpp import adpp
from posology.interchange.adam.adrs import adrs, adrs_without_recist, overall_responses
from posology.interchange.adam.adsl import adsl
from posology.interchange.adam.adtr import adtr, tumours
from posology.interchange.adam.adtte import adtte
from posology.interchange.adam.source import AdamConventions, SdtmSource
from posology.interchange.datasets.dataset import Dataset, DatasetError
from posology.interchange.datasets.define import Study, define, write_define
from posology.interchange.datasets.folder import dataset_files_once
from posology.interchange.datasets.formats import Format, check_format, read_dataset, write_dataset
from posology.interchange.datasets.metadata import dataset_of, standard
from posology.interchange.datasets.sdtm_domains import domain_of
from posology.shared.files import new_folder
from posology.shared.findings import Finding
from posology.shared.text import counted

if TYPE_CHECKING:
    import polars as pl


DERIVED = (
    ("ADAE", "AE", adae),
    ("ADEX", "EX", adex),
    ("ADLB", "LB", adlb),
    ("ADPC", "PC", adpc),
    ("ADPP", "PP", adpp),
)
"""The datasets that are of one domain each, and what derives them."""


@dataclass(frozen=True)
class Analysis:
    """The analysis datasets in order, and what was found on the way."""

    datasets: tuple[Dataset, ...]
    findings: tuple[Finding, ...]


def analyse(source: SdtmSource, rules: AdamConventions) -> Analysis:
    """Derive every analysis dataset for which there is SDTM, as it stands.

    Parameters
    ----------
    source
        SDTM, at the data cutoff where there is one.
    rules
        the protocol's.

    Raises
    ------
    ValueError
        if there is no DM, or it has no subjects, or the reader chosen assessed nobody.
    """
    if "DM" not in source.domains or source.domains["DM"].is_empty():
        raise ValueError("there is no DM, or nobody in it: ADSL begins with DM")
    _check_variables(source)
    _check_reader(source, rules)
    subjects = adsl(source, rules)
    if rules.origin == "randomisation" and subjects["RANDDT"].is_null().all():
        source.finding(
            "",
            None,
            "RANDDT",
            "nobody was randomised (no DSDECOD RANDOMIZED), and these rules count from randomisation",
            "times are counted from the first dose",
        )
        rules = replace(rules, origin="treatment")
    frames = {"ADSL": subjects}
    for name, domain, derive in DERIVED:
        if domain in source.domains and source.domains[domain].height:
            frames[name] = derive(source, rules, subjects)
    measured = tumours(source, rules, subjects)
    if measured:
        frames["ADTR"] = adtr(measured, rules, subjects)
    assessed = overall_responses(source, rules, subjects, measured)
    if assessed:
        frames["ADRS"] = adrs(source, rules, subjects, assessed, measured)
        frames["ADTTE"] = adtte(source, rules, subjects, assessed)
    else:
        others = adrs_without_recist(source, rules, subjects)
        frames |= {"ADRS": others} if others.height else {}
    spec = standard("adam")
    return Analysis(
        tuple(dataset_of(spec, name, frame) for name, frame in frames.items()), tuple(dict.fromkeys(source.findings))
    )


NEEDED = {
    "EX": ("EXTRT", "EXDOSE", "EXSTDTC"),
    "AE": ("AETERM", "AESTDTC"),
    "DS": ("DSDECOD", "DSSTDTC"),
    "LB": ("LBTESTCD", "LBSTRESN", "LBDTC"),
    "PC": ("PCTESTCD", "PCSTRESN", "PCDTC"),
    "PP": ("PPTESTCD", "PPSTRESN"),
    "TR": ("TRLNKID", "TRTESTCD", "TRDTC"),
    "RS": ("RSTESTCD", "RSDTC"),
}
"""The variables without which a domain says nothing to an analysis."""


def _check_variables(source: SdtmSource) -> None:
    """Find what a domain lacks that everything derived from it needs."""
    for name, needed in NEEDED.items():
        frame = source.domains.get(name)
        for variable in needed if frame is not None and frame.height else ():
            if frame is not None and variable not in frame.columns:
                source.finding("", None, f"{name}.{variable}", "is not there", "what needs it is not derived")


def _check_reader(source: SdtmSource, rules: AdamConventions) -> None:
    """Refuse a reader who assessed nobody; where that is the investigator, who is taken if none is chosen, find it."""
    named: set[str] = set()
    for name in ("RS", "TR", "TU"):
        evaluators = source.domain(name, f"{name}EVAL")[f"{name}EVAL"].fill_null("INVESTIGATOR").str.to_uppercase()
        named |= set(evaluators)
    if not named or rules.reader in named:
        return
    wrong, right = f"is {rules.reader} in no row", f"assessments are by {', '.join(sorted(named))}"
    if rules.reader != AdamConventions.reader:
        raise ValueError(f"--EVAL {wrong}: {right}")
    source.finding("", None, "--EVAL", wrong, f"{right}: choose one of them as the reader")


def read_folder(folder: Path, leave_out: Collection[str] = ()) -> SdtmSource:
    """Return the domains of a folder of SDTM, the parts of a split one together, with what was found on the way.

    Parameters
    ----------
    folder
        datasets of SDTM in any format that is read.
    leave_out
        names of datasets not to read.

    Raises
    ------
    ValueError
        if there is no dataset, two files hold one, a file cannot be read, or a dataset to leave out is not there.
    """
    import polars as pl

    parts: dict[str, list[pl.DataFrame]] = {}
    findings: list[Finding] = []
    for stem, path in dataset_files_once(folder, leave_out).items():
        dataset = read_dataset(path)
        frame = dataset.frame.rename(str.upper)
        parts.setdefault(domain_of(stem, frame), []).append(frame)
        findings.extend(dataset.findings)
    domains = {name: pl.concat(frames, how="diagonal_relaxed") for name, frames in parts.items()}
    for name, frame in domains.items():
        keys = ["USUBJID", f"{name}SEQ"]
        if set(keys) <= set(frame.columns) and frame.select(keys).is_duplicated().any():
            right = f"{counted(len(parts[name]), 'dataset')} are one domain; if they are versions of one, leave one out"
            findings.append(
                Finding(
                    "",
                    None,
                    f"{name}SEQ",
                    "is not unique in a subject",
                    right if len(parts[name]) > 1 else "it names a row",
                )
            )
    return SdtmSource(domains, findings)


def export(
    source: SdtmSource,
    out: Path,
    rules: AdamConventions,
    formats: tuple[Format, ...] = ("xpt",),
    study: Study | None = None,
) -> tuple[list[Path], Analysis]:
    """Derive the analysis datasets of SDTM and write them, with Define-XML, to a folder.

    Parameters
    ----------
    source
        SDTM, at the data cutoff where there is one.
    out
        the folder to write: a new one, or an empty one.
    rules
        the protocol's.
    formats
        in which each dataset is written; Define-XML links to the first.
    study
        the trial, as Define-XML names it; STUDYID, if none is given.

    Raises
    ------
    ValueError
        if there is no DM, or something cannot be written. No file appears then, and none is changed.
    FileExistsError
        if the folder holds something already.
    """
    made = analyse(source, rules)
    for dataset in made.datasets:
        for format in formats:
            wrong = check_format(dataset, format)
            if wrong:
                raise DatasetError(f"{dataset.name} cannot be written as {format}:", wrong)
    created = datetime.combine(source.cutoff, time(), UTC) if source.cutoff else None
    studies = made.datasets[0].frame["STUDYID"].drop_nulls()
    name = str(studies[0]) if len(studies) else "unknown"
    document = define(
        made.datasets, standard("adam"), study or Study(name, name, name), suffix=f".{formats[0]}", created=created
    )
    with new_folder(out) as draft:
        for dataset in made.datasets:
            for format in formats:
                write_dataset(dataset, draft / f"{dataset.name.lower()}.{format}", format, created=created)
        write_define(document, draft / "define.xml")
    names = [f"{d.name.lower()}.{f}" for d in made.datasets for f in formats] + ["define.xml"]
    return [out / name for name in names], made
