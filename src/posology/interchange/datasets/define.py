"""Define-XML 2.1 for exported datasets: what they hold, where it came from and how it was derived.

CDISC Define-XML 2.1 (2019), built with the classes of odmlib, which hold the names and the order of the elements; the
content is the standard's table (:mod:`posology.interchange.datasets.metadata`) and what the datasets themselves show:
lengths, values in use, parameters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posology.interchange.datasets.dataset import Dataset, Variable
from posology.interchange.datasets.metadata import ParameterSpec, Standard, Term, VariableSpec

if TYPE_CHECKING:
    import polars as pl

CT_VERSION = "2024-03-29"
DTC = (("date", r"^\d{4}-\d{2}-\d{2}$"), ("datetime", r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$"))
NAMESPACES = {
    "": "http://www.cdisc.org/ns/odm/v1.3",
    "def": "http://www.cdisc.org/ns/def/v2.1",
    "xlink": "http://www.w3.org/1999/xlink",
    "xml": "http://www.w3.org/XML/1998/namespace",
}
SUBCLASS = {"ADAE": "ADVERSE EVENT", "ADTTE": "TIME-TO-EVENT"}
AUTHOR = {"Derived": "Sponsor", "Assigned": "Sponsor", "Protocol": "Sponsor", "Collected": "Investigator"}


@dataclass(frozen=True)
class Study:
    """The trial, as Define-XML names it."""

    name: str
    description: str
    protocol: str


def define(
    datasets: Sequence[Dataset], spec: Standard, study: Study, *, suffix: str = ".xpt", created: datetime | None = None
) -> Any:
    """Return the Define-XML document of datasets, as an odmlib object.

    Parameters
    ----------
    datasets
        the datasets, in the order in which they are listed.
    spec
        their standard.
    study
        the trial.
    suffix
        of the datasets' files, to which the document links.
    created
        the moment written into the document; now, if none is given.
    """
    import odmlib.define_2_1.model as m

    maker = DefineBuilder(m, spec, suffix)
    groups = [maker.group(dataset) for dataset in datasets]
    version = m.MetaDataVersion(
        OID=f"MDV.{study.name}",
        Name=f"{study.name}, {spec.name} {spec.version}",
        DefineVersion="2.1.0",
        Description=f"Data definitions of {study.name}: {spec.name} {spec.version}",
    )
    kind = "ADaM" if spec.name == "ADaMIG" else "SDTM"
    version.Standards = m.Standards(
        Standard=[
            m.Standard(OID="STD.1", Name=spec.name, Type="IG", Version=spec.version, Status="Final"),
            m.Standard(
                OID="STD.2", Name="CDISC/NCI", Type="CT", PublishingSet=kind, Version=CT_VERSION, Status="Final"
            ),
        ]
    )
    version.ValueListDef = list(maker.values.values())
    version.WhereClauseDef = list(maker.clauses.values())
    version.ItemGroupDef = groups
    version.ItemDef = list(maker.items.values())
    version.CodeList = list(maker.codelists.values())
    version.MethodDef = [maker.method(name) for name in sorted(maker.methods)]
    made = (created or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
    odm = m.ODM(
        FileType="Snapshot",
        FileOID=f"DEFINE.{study.name}.{kind}",
        CreationDateTime=made,
        ODMVersion="1.3.2",
        Originator="Posology",
        SourceSystem="Posology",
        Context="Other",
    )
    odm.Study = m.Study(OID=f"STUDY.{study.name}")
    odm.Study.GlobalVariables = m.GlobalVariables(
        StudyName=m.StudyName(_content=study.name),
        StudyDescription=m.StudyDescription(_content=study.description),
        ProtocolName=m.ProtocolName(_content=study.protocol),
    )
    odm.Study.MetaDataVersion = version
    return odm


def write_define(document: Any, path: Path) -> Path:
    """Write a Define-XML document, indented, whole or not at all.

    Raises
    ------
    ValueError
        if it does not conform to the published schema of Define-XML 2.1, with each reason.
    """
    import tempfile
    from xml.etree import ElementTree

    from lxml import etree  # type: ignore[import-untyped]
    from odmlib.schema_manager import get_schema_path

    tree = ElementTree.ElementTree(ElementTree.fromstring(document.to_xml_string()))
    for prefix, uri in NAMESPACES.items():
        ElementTree.register_namespace(prefix, uri)
    ElementTree.indent(tree)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".define.") as beside:
        draft = Path(beside) / "define.xml"
        tree.write(draft, encoding="UTF-8", xml_declaration=True)
        schema = etree.XMLSchema(etree.parse(str(get_schema_path("define", "2.1"))))
        if not schema.validate(etree.parse(str(draft))):
            wrong = "; ".join(f"line {e.line}: {e.message}" for e in schema.error_log)
            raise ValueError(f"{path} would not conform to Define-XML 2.1: {wrong}")
        draft.replace(path)
    return path


class DefineBuilder:
    """Makes the elements, each item, codelist and method once."""

    def __init__(self, m: Any, spec: Standard, suffix: str) -> None:
        self.m, self.spec, self.suffix = m, spec, suffix
        self.items: dict[str, Any] = {}
        self.codelists: dict[str, Any] = {}
        self.values: dict[str, Any] = {}
        self.clauses: dict[str, Any] = {}
        self.methods: set[str] = set()

    def text(self, words: str) -> Any:
        """Return words as a description."""
        return self.m.Description(TranslatedText=[self.m.TranslatedText(_content=words, lang="en")])

    def group(self, dataset: Dataset) -> Any:
        """Return a dataset's ItemGroupDef, and make all that it refers to."""
        m, name = self.m, dataset.name
        said = self.spec.datasets.get(name)
        tabulation = self.spec.name != "ADaMIG"
        made = m.ItemGroupDef(
            OID=f"IG.{name}",
            Name=name,
            SASDatasetName=name,
            Repeating="No" if name in ("ADSL", "DM") else "Yes",
            IsReferenceData="Yes" if name == "TS" else "No",
            Purpose="Tabulation" if tabulation else "Analysis",
            Structure=said.structure if said else "One record per observation",
            ArchiveLocationID=f"LF.{name}",
            StandardOID="STD.1",
            **({"Domain": name.removeprefix("SUPP")} if tabulation else {}),
        )
        made.Description = self.text(dataset.label or name)
        table = {v.variable: v for v in self.spec.variables.get(name, ())}
        made.ItemRef = [self.reference(dataset, v, table.get(v.name), i) for i, v in enumerate(dataset.variables, 1)]
        if said:
            made.Class = m.Class(Name=said.class_)
            if name in SUBCLASS:
                made.Class.SubClass = [m.SubClass(Name=SUBCLASS[name])]
        made.leaf = m.leaf(ID=f"LF.{name}", href=f"{name.lower()}{self.suffix}")
        made.leaf.title = m.title(_content=f"{name.lower()}{self.suffix}")
        return made

    def reference(self, dataset: Dataset, variable: Variable, said: VariableSpec | None, order: int) -> Any:
        """Return the reference to a variable, and make its definition."""
        oid = f"IT.{dataset.name}.{variable.name}"
        column = dataset.frame[variable.name]
        item = self.item(oid, variable, column)
        codelist = said.codelist if said else ""
        if variable.name == "PARAMCD":
            codelist = self.parameters(dataset)
        elif codelist:
            codelist = self.codelist(codelist, column)
        if codelist:
            item.CodeListRef = self.m.CodeListRef(CodeListOID=codelist)
        origin = said.origin if said else "Collected"
        item.Origin = [self.origin(origin, said.source if said else "")]
        by_parameter = self.by_parameter(dataset, variable)
        if by_parameter:
            item.ValueListRef = self.m.ValueListRef(ValueListOID=by_parameter)
        more: dict[str, Any] = {"KeySequence": variable.key} if variable.key else {}
        if said and said.method:
            self.methods.add(said.method)
            more["MethodOID"] = f"MT.{said.method}"
        mandatory = "Yes" if (said and said.core == "Req") else "No"
        return self.m.ItemRef(ItemOID=oid, OrderNumber=order, Mandatory=mandatory, **more)

    def item(self, oid: str, variable: Variable, column: pl.Series) -> Any:
        """Return a variable's ItemDef: type and length as the data show them."""
        kind, more = _type(variable, column)
        made = self.m.ItemDef(OID=oid, Name=variable.name, SASFieldName=variable.name, DataType=kind, **more)
        if variable.format:
            made.DisplayFormat = variable.format
        made.Description = self.text(variable.label or variable.name)
        self.items[oid] = made
        return made

    def origin(self, kind: str, source: str) -> Any:
        """Return where values come from."""
        more = {} if kind == "Predecessor" else {"Source": AUTHOR[kind]}
        made = self.m.Origin(Type=kind, **more)
        if kind == "Predecessor" and source:
            made.Description = self.text(source)
        return made

    def codelist(self, name: str, column: pl.Series) -> str:
        """Return the OID of a codelist, and make it, with any value in use that it lacks."""
        oid = f"CL.{name}"
        terms = list(self.spec.codelists[name])
        known = {term.value for term in terms}
        used = sorted({str(value) for value in column.drop_nulls().unique()} - known)
        if oid not in self.codelists:
            self.codelists[oid] = self._codelist(oid, terms)
        made = self.codelists[oid]
        listed = {item.CodedValue for item in made.CodeListItem}
        for value in used:
            if value not in listed:
                extended = {"ExtendedValue": "Yes"} if terms[0].code else {}
                made.CodeListItem.append(self._item(value, value, len(made.CodeListItem) + 1, **extended))
        return oid

    def _codelist(self, oid: str, terms: Sequence[Term]) -> Any:
        first = terms[0]
        standard = {"StandardOID": "STD.2"} if first.code else {}
        kind = "text" if first.type == "string" else first.type
        made = self.m.CodeList(OID=oid, Name=first.name, DataType=kind, **standard)
        made.CodeListItem = []
        for order, term in enumerate(terms, 1):
            more = {"ExtendedValue": "Yes"} if first.code and not term.value_code else {}
            item = self._item(term.value, term.decode, order, **more)
            if term.value_code:
                item.Alias = [self.m.Alias(Context="nci:ExtCodeID", Name=term.value_code)]
            made.CodeListItem.append(item)
        if first.code:
            made.Alias = [self.m.Alias(Context="nci:ExtCodeID", Name=first.code)]
        return made

    def _item(self, value: str, decode: str, order: int, **more: str) -> Any:
        item = self.m.CodeListItem(CodedValue=value, OrderNumber=order, **more)
        item.Decode = self.m.Decode(TranslatedText=[self.m.TranslatedText(_content=decode, lang="en")])
        return item

    def parameters(self, dataset: Dataset) -> str:
        """Return the OID of the codelist of a dataset's parameters, and make it from those in use."""
        oid = f"CL.{dataset.name}.PARAMCD"
        pairs = dataset.frame.select("PARAMCD", "PARAM").unique("PARAMCD").sort("PARAMCD").rows()
        if not pairs:
            return ""  # a dataset without rows uses no parameter
        made = self.m.CodeList(OID=oid, Name=f"Parameters of {dataset.name}", DataType="text")
        made.CodeListItem = [self._item(code, name or code, i) for i, (code, name) in enumerate(pairs, 1)]
        self.codelists[oid] = made
        return oid

    def by_parameter(self, dataset: Dataset, variable: Variable) -> str:
        """Return the OID of a variable's value list, one item a parameter that uses it; empty where none does."""
        import polars as pl

        if variable.name not in ("AVAL", "AVALC") or "PARAMCD" not in dataset.frame.columns:
            return ""
        oid = f"VL.{dataset.name}.{variable.name}"
        references: list[Any] = []
        for code in sorted(dataset.frame["PARAMCD"].unique()):
            rows = dataset.frame.filter(pl.col("PARAMCD") == code)
            column, said = rows[variable.name], self.spec.parameter(dataset.name, code)
            if column.is_null().all() or (said and said.variable != variable.name and variable.name == "AVALC"):
                continue
            references.append(
                self.value(dataset, variable, code, rows["PARAM"][0] or code, column, said, len(references) + 1)
            )
        if not references:
            return ""
        self.values[oid] = self.m.ValueListDef(OID=oid, ItemRef=references)
        return oid

    def value(
        self,
        dataset: Dataset,
        variable: Variable,
        code: str,
        label: str,
        column: pl.Series,
        said: ParameterSpec | None,
        order: int,
    ) -> Any:
        """Return the reference to a variable's value for a parameter, and make its definition and its condition."""
        oid, clause = f"IT.{dataset.name}.{variable.name}.{code}", f"WC.{dataset.name}.PARAMCD.{code}"
        mine = said is not None and said.variable == variable.name
        described = Variable(variable.name, label, variable.type, variable.length)
        item = self.item(oid, described, column)
        if mine and said and said.codelist:
            item.CodeListRef = self.m.CodeListRef(CodeListOID=self.codelist(said.codelist, column))
        whole = next((v for v in self.spec.variables[dataset.name] if v.variable == variable.name), None)
        item.Origin = [self.origin(whole.origin if whole else "Derived", whole.source if whole else "")]
        self.clauses[clause] = self.m.WhereClauseDef(
            OID=clause,
            RangeCheck=[
                self.m.RangeCheck(
                    Comparator="EQ",
                    SoftHard="Soft",
                    ItemOID=f"IT.{dataset.name}.PARAMCD",
                    CheckValue=[self.m.CheckValue(_content=code)],
                )
            ],
        )
        name = said.method if mine and said else (whole.method if whole else "")
        more: dict[str, Any] = {}
        if name and (whole is None or whole.origin != "Predecessor"):
            self.methods.add(name)
            more["MethodOID"] = f"MT.{name}"
        return self.m.ItemRef(
            ItemOID=oid,
            OrderNumber=order,
            Mandatory="No",
            WhereClauseRef=[self.m.WhereClauseRef(WhereClauseOID=clause)],
            **more,
        )

    def method(self, name: str) -> Any:
        """Return the definition of a method."""
        said = self.spec.methods[name]
        kind = "Imputation" if said.type == "Imputation" else "Computation"
        made = self.m.MethodDef(OID=f"MT.{name}", Name=said.name, Type=kind)
        made.Description = self.text(said.text)
        return made


def _type(variable: Variable, column: pl.Series) -> tuple[str, dict[str, Any]]:
    """Return the type that Define-XML gives to a variable, with its length and digits."""
    import polars as pl

    known = column.drop_nulls()
    if variable.type == "string":
        if variable.name.endswith("DTC"):
            for kind, shape in DTC:
                if len(known) and known.str.contains(shape).all():
                    return kind, {}
            return "partialDatetime" if known.str.contains("T", literal=True).any() else "partialDate", {}
        longest = known.str.len_chars().max() if len(known) else 1
        return "text", {"Length": longest}
    if variable.type == "float":
        texts = [re.sub(r"\.0$", "", repr(value)) for value in known.cast(pl.Float64).unique().to_list()]
        decimals = max((len(t.partition(".")[2]) for t in texts), default=0)
        length = max((len(t) for t in texts), default=1)
        return (
            ("float", {"Length": length, "SignificantDigits": decimals})
            if decimals
            else ("integer", {"Length": length})
        )
    if variable.type in ("date", "datetime"):
        return "integer", {"Length": 8}
    longest = known.cast(pl.String).str.len_chars().max() if len(known) else 1
    return "integer", {"Length": longest}
