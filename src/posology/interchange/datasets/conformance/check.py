"""Whether exported datasets keep to their standard: each rule by itself, its first line the rule in words.

Structural rules of SDTMIG 3.3 and ADaMIG 1.3 that can be told from the datasets alone, and the limits of SAS transport
files. It is no replacement of the CDISC rules engine, whose rules come from the CDISC Library and not with the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from posology.interchange.datasets.conformance.adam import ADAM
from posology.interchange.datasets.conformance.common import COMMON
from posology.interchange.datasets.conformance.rules import MAX_LISTED, Folder
from posology.interchange.datasets.conformance.sdtm import SDTM
from posology.interchange.datasets.dataset import Dataset
from posology.interchange.datasets.folder import dataset_files
from posology.interchange.datasets.formats import read_dataset
from posology.shared.findings import Finding


def conform(folder: Path) -> list[Finding]:
    """Return what does not keep to the standard in a folder of datasets; what cannot be read is a finding too.

    Raises
    ------
    ValueError
        if there is no dataset in the folder.
    """
    datasets: dict[str, Dataset] = {}
    findings = []
    for _, path in dataset_files(folder):
        try:
            dataset = read_dataset(path)
        except ValueError as error:
            findings.append(Finding("", None, path.name, "cannot be read", str(error)))
            continue
        datasets[dataset.name] = dataset
        findings.extend(dataset.findings)
    return findings + conform_datasets(datasets)


def conform_datasets(datasets: Mapping[str, Dataset]) -> list[Finding]:
    """Return what does not keep to the standard in these datasets."""
    folder = Folder(datasets)
    findings = []
    if folder.subjects is None:
        name = "ADSL" if folder.adam else "DM"
        findings.append(Finding("", None, name, "is not there", "every submission has it"))
    for dataset in datasets.values():
        for rule in (*COMMON, *(ADAM if folder.adam else SDTM)):
            found = list(rule(dataset, folder))
            findings.extend(found[:MAX_LISTED])
            if len(found) > MAX_LISTED:
                findings.append(
                    Finding(
                        "", None, dataset.name, f"and {len(found) - MAX_LISTED} more of the last kind", found[-1].right
                    )
                )
    return findings
