"""A small library of conjugates, every number with its source.

A number of one drug that stands in for another's is "assumed", with the drug it was borrowed from as its source.
"""

from __future__ import annotations

from dataclasses import replace
from math import comb

from posology.pharmacology.compounds.adc import Antibody, Compound, Linker, Payload
from posology.pharmacology.compounds.quantity import Evidence, Quantity, quantities

POUZIN = "Pouzin 2022, J Pharmacokinet Pharmacodyn 49:381"
SHAH = "Shah 2012, J Pharmacokinet Pharmacodyn 39:643"
SCHEUHER = "Scheuher 2023, J Pharmacokinet Pharmacodyn, supplement"
LU = "Lu 2014, Cancer Chemother Pharmacol 74:399"
MOORE = "two-compartment fit to the profiles of Moore 2017, Cancer 123:3080"
LABEL = (
    "calibrated to the arithmetic means of the ELAHERE label, section 12.3, quoted from memory of the label, "
    "to be checked"
)
GEOMETRIC = LABEL.replace("arithmetic", "geometric")
TYPICAL = "typical of an antibody in a solid tumour; no number of this drug is public"
RETRIEVED: Evidence = "retrieved"
COMPUTED: Evidence = "computed"
FROM_MEMORY: Evidence = "from memory"
ASSUMED: Evidence = "assumed"
Q = Quantity

# Antibodies

TUSAMITAMAB = Antibody(
    "tusamitamab",
    molar_mass=Q(150_000, "g/mol", RETRIEVED, POUZIN),
    naked_mass=Q(144_522, "g/mol", RETRIEVED, POUZIN),
    vc=Q(3.37, "L", RETRIEVED, POUZIN, between=0.245),
    vp=Q(2.54, "L", RETRIEVED, POUZIN, between=0.605),
    q=Q(0.543, "L/d", RETRIEVED, POUZIN, between=0.529),
    cl=Q(0.392, "L/d", RETRIEVED, POUZIN, between=0.469),
    cl_nab=Q(0.408, "L/d", RETRIEVED, POUZIN, between=0.345),
    vmax=Q(0, "mg/d", ASSUMED, "linear in the doses studied"),
    km=Q(7.4, "ug/mL", ASSUMED, "borrowed from IMGN853"),
    kon=Q(8.64, "/nM/d", ASSUMED, f"borrowed from T-DM1, {SCHEUHER}", cv=1),
    koff=Q(2.7, "/d", ASSUMED, f"borrowed from T-DM1, {SCHEUHER}", cv=1),
    kint=Q(0.61, "/d", ASSUMED, f"borrowed from {SHAH}", cv=1),
    transfer=Q(0.95, "/d", COMPUTED, f"2 P Rcap / Rkrogh^2, {SHAH}"),
    diffusion=Q(0.022, "cm2/d", RETRIEVED, SHAH),
    void=Q(0.24, "1", RETRIEVED, SHAH),
)

M9346A = replace(
    TUSAMITAMAB,
    name="M9346A",
    molar_mass=Q(150_000, "g/mol", COMPUTED, "as in the consistency checks with the label"),
    naked_mass=Q(144_522, "g/mol", ASSUMED, f"borrowed from {POUZIN}"),
    vc=Q(2.30, "L", COMPUTED, LABEL, between=0.25),
    vp=Q(0.60, "L", COMPUTED, LABEL),
    q=Q(0.50, "L/d", COMPUTED, LABEL),
    cl=Q(0.373, "L/d", COMPUTED, LABEL, between=0.33),
    cl_nab=Q(0.373, "L/d", ASSUMED, "as of the conjugate", cv=0.3, between=0.345),
    vmax=Q(0, "mg/d", ASSUMED, "linear from 3.3 mg/kg up, Moore 2017"),
    km=Q(7.4, "ug/mL", COMPUTED, MOORE, cv=0.63),
    kon=Q(10, "/nM/d", ASSUMED, TYPICAL, cv=1),
    koff=Q(0.32, "/d", ASSUMED, "dissociation constant between 0.01 and 0.1 nM", cv=1),
    kint=Q(0.61, "/d", ASSUMED, f"borrowed from {SHAH}", cv=1),
)
"""The antibody of IMGN853, against folate receptor alpha; linear, from about 3 mg/kg up."""

M9346A_GEOMETRIC = replace(
    M9346A,
    name="M9346A, geometric means",
    vc=Q(2.52, "L", COMPUTED, GEOMETRIC, between=0.25),
    cl=Q(0.391, "L/d", COMPUTED, GEOMETRIC, between=0.33),
    cl_nab=Q(0.391, "L/d", ASSUMED, "as of the conjugate", cv=0.3, between=0.345),
)
"""The same, calibrated to geometric means."""

M9346A_SATURABLE = replace(
    M9346A,
    name="M9346A, saturable",
    vc=Q(35.6 * 0.07, "L", COMPUTED, f"{MOORE}, at 70 kg", cv=0.05, between=0.25),
    vp=Q(23.3 * 0.07, "L", COMPUTED, f"{MOORE}, at 70 kg"),
    q=Q(6.44 * 0.07, "L/d", COMPUTED, f"{MOORE}, at 70 kg"),
    cl=Q(
        0.3156,
        "L/d",
        COMPUTED,
        f"so that the linear clearance of the conjugate is 5.13 mL/d/kg, {MOORE}, at 70 kg",
        between=0.33,
    ),
    cl_nab=Q(0.3156, "L/d", ASSUMED, "as of the conjugate", cv=0.3, between=0.345),
    vmax=Q(
        69.6 * 0.07, "mg/d", COMPUTED, f"{MOORE}, at 70 kg; the lowest doses were given to one patient each", cv=0.60
    ),
)
"""With the saturable loss seen at 0.15 to 2 mg/kg; for doses below about 3 mg/kg."""

CAC10 = Antibody(
    "cAC10",
    molar_mass=Q(153_000, "g/mol", FROM_MEMORY, "brentuximab vedotin label"),
    naked_mass=Q(150_000, "g/mol", FROM_MEMORY, "of an IgG1"),
    vc=Q(0.054 * 70, "L", RETRIEVED, f"{SHAH}, per kg, at 70 kg"),
    vp=Q(0.1 * 70, "L", RETRIEVED, f"{SHAH}, per kg, at 70 kg"),
    q=Q(0.036 * 70, "L/d", RETRIEVED, f"{SHAH}, per kg, at 70 kg"),
    cl=Q(0.025 * 70, "L/d", RETRIEVED, f"{SHAH}, per kg, at 70 kg"),
    cl_nab=Q(0.025 * 70, "L/d", RETRIEVED, f"{SHAH}, per kg, at 70 kg"),
    vmax=Q(0, "mg/d", RETRIEVED, f"{SHAH}: linear"),
    km=Q(1, "ug/mL", ASSUMED, "without effect: vmax is 0"),
    kon=Q(6.22, "/nM/d", RETRIEVED, SHAH),
    koff=Q(12.5, "/d", RETRIEVED, SHAH),
    kint=Q(0.61, "/d", RETRIEVED, SHAH),
    transfer=Q(0.95, "/d", COMPUTED, f"2 P Rcap / Rkrogh^2, {SHAH}"),
    diffusion=Q(0.022, "cm2/d", RETRIEVED, SHAH),
    void=Q(0.24, "1", RETRIEVED, SHAH),
)

TRASTUZUMAB = Antibody(
    "trastuzumab",
    molar_mass=Q(148_500, "g/mol", FROM_MEMORY, "T-DM1 label"),
    naked_mass=Q(145_500, "g/mol", FROM_MEMORY, "trastuzumab label"),
    vc=Q(3.127, "L", RETRIEVED, LU),
    vp=Q(0.66, "L", FROM_MEMORY, f"{LU}; gives the half-life of 3.94 d that was read there"),
    q=Q(1.519, "L/d", FROM_MEMORY, f"{LU}; gives the half-life of 3.94 d that was read there"),
    cl=Q(
        0.6461,
        "L/d",
        COMPUTED,
        f"so that the clearance of the conjugate, loss of its last drug included, is 0.676 L/d, {LU}",
    ),
    cl_nab=Q(0.225, "L/d", FROM_MEMORY, "trastuzumab population model", cv=0.3),
    vmax=Q(0, "mg/d", RETRIEVED, f"{LU}: linear"),
    km=Q(1, "ug/mL", ASSUMED, "without effect: vmax is 0"),
    kon=Q(8.64, "/nM/d", RETRIEVED, f"1e-4 /nM/s, {SCHEUHER}"),
    koff=Q(2.713, "/d", COMPUTED, f"kon times the dissociation constant 0.314 nM, {SCHEUHER}"),
    kint=Q(3.69, "/d", RETRIEVED, f"4.27e-5 /s, {SCHEUHER}"),
    transfer=Q(0.95, "/d", ASSUMED, f"borrowed from {SHAH}"),
    diffusion=Q(0.022, "cm2/d", ASSUMED, f"borrowed from {SHAH}"),
    void=Q(0.24, "1", ASSUMED, f"borrowed from {SHAH}"),
)

# Linkers. Exit and entry of a charged catabolite: that of Lys-MCC-DM1.

CHARGED = {
    "kin": Q(5.14, "/d", ASSUMED, f"borrowed from Lys-MCC-DM1, {SCHEUHER}", cv=1),
    "kout": Q(3.41, "/d", ASSUMED, f"borrowed from Lys-MCC-DM1, {SCHEUHER}", cv=1),
}
LYSOSOME = Q(10.97, "/d", ASSUMED, f"borrowed from T-DM1, {SCHEUHER}", cv=0.5)
DISULFIDE = Q(10, "/d", ASSUMED, "reduction within hours, Erickson 2006; no rate is public", cv=1)
RELEASED = Q(0, "1", ASSUMED, f"as in {POUZIN}: apparent clearances")

SPDB = Linker(
    "SPDB",
    cleavable=True,
    fractions=quantities((0.071, 0.085, 0.175, 0.218, 0.199, 0.142, 0.071, 0.028, 0.009), "1", RETRIEVED, POUZIN),
    kdec=quantities(
        (0.0565, 0.181, 0.340, 0.525, 0.751, 0.938, 0.938, 0.938), "/d", RETRIEVED, f"{POUZIN}; 7 and 8 as 6"
    ),
    kdec_scale=Q(1, "1", RETRIEVED, POUZIN, between=0.202),
    catabolised=RELEASED,
    release=LYSOSOME,
    cleavage=DISULFIDE,
    catabolite="charged",
    **CHARGED,
    pgp=Q(2, "1", ASSUMED, "lysine adduct, poorer substrate than DM4", cv=0.5),
)

SULFO_SPDB = replace(
    SPDB,
    name="sulfo-SPDB",
    fractions=quantities(
        [f.value for f in SPDB.fractions], "1", ASSUMED, f"borrowed from {POUZIN}; mean 3.3, label 3.4"
    ),
    kdec_scale=Q(0.506, "1", COMPUTED, LABEL, cv=0.3, between=0.20),
    pgp=Q(1.2, "1", ASSUMED, "hydrophilic catabolite, a poor substrate: known in direction alone", cv=0.2),
)
SULFO_SPDB_GEOMETRIC = replace(
    SULFO_SPDB, name="sulfo-SPDB, geometric means", kdec_scale=Q(0.523, "1", COMPUTED, GEOMETRIC, cv=0.3, between=0.20)
)

MCC = Linker(
    "MCC",
    cleavable=False,
    fractions=quantities(
        [comb(8, n) * (3.5 / 8) ** n * (4.5 / 8) ** (8 - n) for n in range(9)], "1", ASSUMED, "binomial with mean 3.5"
    ),
    kdec=quantities((0.0734,) * 8, "/d", RETRIEVED, f"8.5e-7 /s, {SCHEUHER}"),
    kdec_scale=Q(1, "1", RETRIEVED, SCHEUHER, cv=0.3),
    catabolised=RELEASED,
    release=Q(10.97, "/d", RETRIEVED, f"1.27e-4 /s, {SCHEUHER}"),
    cleavage=Q(0, "/d", RETRIEVED, "not cleavable: stops at the lysine adduct, Erickson 2006"),
    catabolite="charged",
    kin=Q(5.14, "/d", RETRIEVED, f"5.95e-5 /s, {SCHEUHER}"),
    kout=Q(3.41, "/d", RETRIEVED, f"3.95e-5 /s, {SCHEUHER}"),
    pgp=Q(2, "1", ASSUMED, "lysine adduct, poorer substrate than DM1", cv=0.5),
)

VC = Linker(
    "valine-citrulline",
    cleavable=True,
    fractions=quantities((0, 0, 0, 0, 1, 0, 0, 0, 0), "1", RETRIEVED, f"{SHAH}: mean of 4"),
    kdec=quantities([0.072 * n for n in range(1, 9)], "/d", COMPUTED, f"0.072 /d a drug, {SHAH}"),
    kdec_scale=Q(1, "1", RETRIEVED, SHAH),
    catabolised=Q(1, "1", RETRIEVED, SHAH),
    release=LYSOSOME,
    cleavage=Q(24, "/d", ASSUMED, "cathepsin, fast beside degradation", cv=1),
    catabolite="hydrophobic",
    kin=Q(9.66, "/d", RETRIEVED, SHAH),
    kout=Q(0.68, "/d", RETRIEVED, f"{SHAH}, Karpas"),
    pgp=Q(3, "1", ASSUMED, "as of MMAE", cv=0.5),
)

# Payloads

MICROTUBULE = {
    "tubulin": Q(65, "nM", RETRIEVED, SHAH),
    "kon_tubulin": Q(0.44, "/nM/d", RETRIEVED, SHAH),
    "koff_tubulin": Q(13.1, "/d", RETRIEVED, SHAH),
}
BORROWED_TUBULIN = {
    name: Q(q.value, q.unit, ASSUMED, f"borrowed from MMAE, {SHAH}", cv=1) for name, q in MICROTUBULE.items()
}
DM4_POUZIN = Payload(
    "DM4",
    molar_mass=Q(780, "g/mol", RETRIEVED, POUZIN),
    metabolite_mass=Q(794, "g/mol", RETRIEVED, POUZIN),
    v=Q(1, "L", ASSUMED, f"fixed in {POUZIN}: apparent"),
    cl=Q(240, "L/d", RETRIEVED, POUZIN, between=0.365),
    vp=Q(1, "L", ASSUMED, "without effect: q is 0"),
    q=Q(0, "L/d", RETRIEVED, f"{POUZIN}: one compartment"),
    fr=Q(0.0107, "1", RETRIEVED, POUZIN, between=0.723),
    metabolite_v=Q(1, "L", ASSUMED, f"fixed in {POUZIN}: apparent"),
    metabolite_cl=Q(0.256, "L/d", RETRIEVED, POUZIN, between=0.654),
    kin=Q(178, "/d", COMPUTED, "uptake half-life 5.6 min, Khera 2018, by way of another source"),
    kout=Q(54.5, "/d", RETRIEVED, "2.27 /h, from Erickson 2006"),
    pgp=Q(5, "1", ASSUMED, "3 to 10 in resistant cells", cv=0.4),
    transfer=Q(59.7, "/d", ASSUMED, f"borrowed from MMAE, {SHAH}"),
    diffusion=Q(0.25, "cm2/d", ASSUMED, f"borrowed from {SHAH}"),
    void=Q(0.44, "1", ASSUMED, f"borrowed from {SHAH}"),
    **BORROWED_TUBULIN,
    kmax=Q(0.15, "/d", ASSUMED, f"borrowed from T-DM1 in N87, {SCHEUHER}", cv=0.5),
    ec50=Q(25, "nM", ASSUMED, f"borrowed from T-DM1 in N87, {SCHEUHER}", cv=1),
    hill=Q(2, "1", ASSUMED, f"borrowed from {SCHEUHER}"),
)

DM4 = replace(
    DM4_POUZIN,
    cl=Q(81.4, "L/d", COMPUTED, LABEL, between=0.365),
    fr=Q(0.0144, "1", COMPUTED, LABEL, between=0.72),
    metabolite_cl=Q(0.294, "L/d", COMPUTED, LABEL, between=0.65),
)
"""DM4 as freed from IMGN853: apparent clearances, the volume of 1 L is not identified."""
DM4_GEOMETRIC = replace(
    DM4,
    cl=Q(95.4, "L/d", COMPUTED, GEOMETRIC, between=0.365),
    fr=Q(0.0092, "1", COMPUTED, GEOMETRIC, between=0.72),
    metabolite_cl=Q(0.2545, "L/d", COMPUTED, GEOMETRIC, between=0.65),
)

MCC_DM1 = replace(
    DM4_POUZIN,
    name="Lys-MCC-DM1",
    molar_mass=Q(1103, "g/mol", FROM_MEMORY, "molar mass of Lys-MCC-DM1"),
    metabolite_mass=Q(738, "g/mol", FROM_MEMORY, "molar mass of DM1; none is formed by methylation here"),
    cl=Q(240, "L/d", ASSUMED, f"borrowed from DM4, {POUZIN}", cv=1),
    fr=Q(0, "1", ASSUMED, "no methylated metabolite is modelled"),
    metabolite_cl=Q(0.256, "L/d", ASSUMED, "without effect: none is formed"),
    kin=Q(5.14, "/d", RETRIEVED, f"5.95e-5 /s, {SCHEUHER}"),
    kout=Q(3.41, "/d", RETRIEVED, f"3.95e-5 /s, {SCHEUHER}"),
    pgp=Q(2, "1", ASSUMED, "poorer substrate than DM1", cv=0.5),
    kmax=Q(0.139, "/d", RETRIEVED, f"{SCHEUHER}, CV 10 %", cv=0.1),
    ec50=Q(23.8, "nM", RETRIEVED, f"{SCHEUHER}, CV 2000 %", cv=20),
    hill=Q(2, "1", RETRIEVED, f"{SCHEUHER}, N87"),
)

MMAE = Payload(
    "MMAE",
    molar_mass=Q(718, "g/mol", FROM_MEMORY, "molar mass of MMAE"),
    metabolite_mass=Q(718, "g/mol", ASSUMED, "no metabolite is modelled"),
    v=Q(1.26 * 70, "L", RETRIEVED, f"{SHAH}, per kg, at 70 kg"),
    cl=Q(0.93 * 70, "L/d", RETRIEVED, f"{SHAH}, per kg, at 70 kg"),
    vp=Q(0.799 * 70, "L", RETRIEVED, f"{SHAH}, per kg, at 70 kg"),
    q=Q(3.03 * 70, "L/d", RETRIEVED, f"{SHAH}, per kg, at 70 kg"),
    fr=Q(0, "1", ASSUMED, "no metabolite is modelled"),
    metabolite_v=Q(1, "L", ASSUMED, "without effect: none is formed"),
    metabolite_cl=Q(1, "L/d", ASSUMED, "without effect: none is formed"),
    kin=Q(9.66, "/d", RETRIEVED, SHAH),
    kout=Q(0.68, "/d", RETRIEVED, f"{SHAH}, Karpas (1.1 in L540cy)"),
    pgp=Q(5, "1", ASSUMED, "3 to 10 in resistant cells", cv=0.4),
    transfer=Q(59.7, "/d", COMPUTED, f"2 P Rcap / Rkrogh^2, {SHAH}"),
    diffusion=Q(0.25, "cm2/d", RETRIEVED, SHAH),
    void=Q(0.44, "1", RETRIEVED, SHAH),
    **MICROTUBULE,
    kmax=Q(0.761, "/d", RETRIEVED, f"{SHAH}, L540cy"),
    ec50=Q(254, "nM", RETRIEVED, f"{SHAH}, L540cy"),
    hill=Q(1, "1", RETRIEVED, SHAH),
)

# Conjugates

METABOLITE_CORRELATION = (
    (
        "payload.fr",
        "payload.metabolite_cl",
        Quantity(
            0.5,
            "1",
            COMPUTED,
            "so that the area of the metabolite varies by about 86 % as in the label, from memory; without it by 120 %",
            cv=0.3,
        ),
    ),
)

IMGN853 = Compound("IMGN853", M9346A, SULFO_SPDB, DM4, METABOLITE_CORRELATION)
"""Mirvetuximab soravtansine."""
IMGN853_SATURABLE = Compound("IMGN853, saturable", M9346A_SATURABLE, SULFO_SPDB, DM4, METABOLITE_CORRELATION)
IMGN853_GEOMETRIC = Compound(
    "IMGN853, geometric means", M9346A_GEOMETRIC, SULFO_SPDB_GEOMETRIC, DM4_GEOMETRIC, METABOLITE_CORRELATION
)
TUSAMITAMAB_RAVTANSINE = Compound("tusamitamab ravtansine", TUSAMITAMAB, SPDB, DM4_POUZIN)
T_DM1 = Compound("T-DM1", TRASTUZUMAB, MCC, MCC_DM1)
"""Trastuzumab emtansine."""
BRENTUXIMAB_VEDOTIN = Compound("brentuximab vedotin", CAC10, VC, MMAE)

COMPOUNDS = {
    c.name: c
    for c in (IMGN853, IMGN853_SATURABLE, IMGN853_GEOMETRIC, TUSAMITAMAB_RAVTANSINE, T_DM1, BRENTUXIMAB_VEDOTIN)
}
"""The library, by name."""
