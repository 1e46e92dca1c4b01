"""Every row of domains/eda/files/LEFDEF.md on a small file of its own."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from appnas.domains.eda.flow import capacity, features, grid_of, maps_on, read_def, read_lef
from appnas.domains.eda.flow.grids import Grid

TABLE = Path(__file__).parents[4] / "domains" / "eda" / "files" / "LEFDEF.md"
ROWS = re.findall(r"^\| (.+?) \| (read|counted|passed|refused) \|", TABLE.read_text(), re.MULTILINE)


def metals(count):
    return "".join(
        f"LAYER M{k}\nTYPE ROUTING ;\nDIRECTION {('VERTICAL', 'HORIZONTAL')[k % 2]} ;\nPITCH 0.2 ;\nWIDTH 0.1 ;\n"
        f"END M{k}\n"
        for k in range(1, count + 1)
    )


LAYERS = metals(3)
VIA = "VIA V12 DEFAULT\nLAYER M1 ;\nRECT 0 0 1 1 ;\nLAYER C1 ;\nRECT 0 0 1 1 ;\nLAYER M2 ;\nRECT 0 0 1 1 ;\nEND V12\n"


def pin(name, shapes="RECT 0.1 0.1 0.3 0.3 ;", way="INPUT", more=""):
    return f"PIN {name}\nDIRECTION {way} ;\n{more}PORT\nLAYER M1 ;\n{shapes}\nEND\nEND {name}\n"


def macro(name, body="", head="CLASS CORE ;\nSIZE 1 BY 2 ;"):
    return f"MACRO {name}\n{head}\n{body}END {name}\n"


INV = macro("INV", pin("A") + pin("Y", "RECT 0.6 0.1 0.8 0.3 ;", "OUTPUT"))
RAM_BODY = pin("A", "RECT 0.0 0.5 0.4 0.9 ;") + "OBS\nLAYER M1 ;\nRECT 0 0 10 4 ;\nLAYER M3 ;\nRECT 0 0 10 4 ;\nEND\n"
RAM = macro("RAM", RAM_BODY, "CLASS BLOCK ;\nSIZE 10 BY 4 ;")
PLACED = ("- i INV + PLACED ( 10000 60000 ) N ;", "- r RAM + FIXED ( 50000 20000 ) N ;")
NET = "- n ( i Y ) ( r A )"


def lef(top="", macros="", layers=LAYERS):
    return f"VERSION 5.8 ;\n{top}{layers}{VIA}{INV}{RAM}{macros}END LIBRARY\n"


def de(head="", cells=PLACED, more="", nets=(f"{NET} ;",), pins=(), die="( 0 0 ) ( 100000 100000 )"):
    sections = (("COMPONENTS", cells), ("PINS", pins), ("NETS", nets))
    body = "".join(f"{name} {len(rows)} ;\n" + "\n".join(rows) + f"\nEND {name}\n" for name, rows in sections if rows)
    begin = f"DESIGN top ;\nUNITS DISTANCE MICRONS 1000 ;\nDIEAREA {die} ;\n"
    return f"VERSION 5.8 ;\n{begin}{head}{more}{body}END DESIGN\n"


def blocked(d, layers=3):
    """Tracks that are missing in gcells of 10 um: horizontal and vertical."""
    h, v = capacity(d, layers, Grid(d.die, 10, 10))
    return 50 - h, 50 - v


def special(text):
    return de(more=f"SPECIALNETS 1 ;\n- VDD ( * VDD ) {text} + USE POWER ;\nEND SPECIALNETS\n")


def barred(text, many=1):
    return de(more=f"BLOCKAGES {many} ;\n{text}\nEND BLOCKAGES\n")


def routed(text, **more):
    return de(nets=(f"{NET} {text} ;",), **more)


def wires(d):
    return [("+".join(w.layers), *(round(v, 3) for v in (w.x0, w.y0, w.x1, w.y1))) for w in d.wires]


def cell(kind, body=""):
    return lef(macros=macro("X", body or pin("A"), f"CLASS {kind} ;\nSIZE 1 BY 2 ;"))


X = de(cells=(*PLACED, "- x X + PLACED ( 0 0 ) N ;"), nets=(f"{NET} ( x A ) ;",))
SECTIONS = ("NONDEFAULTRULES", "STYLES", "REGIONS", "GROUPS", "SCANCHAINS", "PINPROPERTIES", "SLOTS", "FILLS")
PLAIN_WIRE = [("M1", 1, 5, 9, 5)]
POLYGON = "POLYGON ( 0 0 ) ( 20000 0 ) ( 20000 10000 ) ( 10000 10000 ) ( 10000 20000 ) ( 0 20000 )"
EXTENDED = 'BEGINEXT "x"\nANY ; - THING\nENDEXT\n'
OF_LEF = {
    "VERSION, BUSBITCHARS, DIVIDERCHAR, MANUFACTURINGGRID": (
        lef('BUSBITCHARS "<>" ;\nDIVIDERCHAR "/" ;\nMANUFACTURINGGRID 0.005 ;\n', macro("X", pin("Q<1>"))),
        X.replace("( x A )", r"( x Q\[1\] )"),
        lambda d, _: len(d.pins) == 3,
    ),
    "UNITS, PROPERTYDEFINITIONS, SPACING": (
        lef(
            "UNITS\nDATABASE MICRONS 2000 ;\nEND UNITS\n"
            "PROPERTYDEFINITIONS\nMACRO a STRING ;\nEND PROPERTYDEFINITIONS\n"
            "SPACING\nSAMENET M1 M1 0.1 ;\nEND SPACING\n"
        ),
        de(),
        lambda d, lib: [lib.skipped[f"LEF {s}"] for s in ("UNITS", "PROPERTYDEFINITIONS", "SPACING")] == [1, 1, 1],
    ),
    "LAYER, TYPE ROUTING": (
        lef(layers="layer M1\ntype routing ;\ndirection horizontal ;\npitch 0.2 0.3 ;\nwidth 0.1 ;\nend M1\n"),
        de(),
        lambda d, lib: lib.layers == {"M1": ("HORIZONTAL", 0.3)} and lib.widths == {"M1": 0.1},
    ),
    "LAYER, DIRECTION DIAG45 or without PITCH": (
        lef("LAYER R\nTYPE ROUTING ;\nDIRECTION DIAG45 ;\nPITCH 1 ;\nEND R\n"),
        de(),
        lambda d, lib: [*lib.layers] == ["M1", "M2", "M3"] and len(lib.skipped) == 1,
    ),
    "LAYER, other types": (
        lef('LAYER C1\nTYPE CUT ;\nEND C1\nLAYER P\nTYPE ROUTING ;\nPROPERTY LEF58_TYPE "TYPE MIMCAP ;" ;\nEND P\n'),
        de(),
        lambda d, lib: [*lib.layers] == ["M1", "M2", "M3"],
    ),
    "VIA": (
        lef("VIA G\nVIARULE r ;\nCUTSIZE 1 1 ;\nLAYERS M2 C2 M3 ;\nEND G\n"),
        de(),
        lambda d, lib: lib.vias == {"G": ("M2", "M3"), "V12": ("M1", "M2")},
    ),
    "VIARULE, SITE, ARRAY": (
        lef("VIARULE r GENERATE\nLAYER M1 ;\nEND r\nSITE s\nCLASS CORE ;\nSIZE 1 BY 1 ;\nEND s\nARRAY a\nEND a\n"),
        de(),
        lambda d, lib: sum(lib.skipped.values()) == 3,
    ),
    "NONDEFAULTRULE": (
        lef("NONDEFAULTRULE w\nLAYER M1\nWIDTH 9 ;\nEND M1\nVIA N\nLAYER M1 ;\nLAYER M2 ;\nEND N\nEND w\n"),
        de(),
        lambda d, lib: (
            lib.vias["N"] == ("M1", "M2") and lib.widths["M1"] == 0.1 and lib.skipped["LEF NONDEFAULTRULE"] == 1
        ),
    ),
    "MACRO CLASS": (
        cell("core welltap"),
        X,
        lambda d, lib: lib.macros["X"].kind == "CORE WELLTAP" and d.cells == ["i", "r"],
    ),
    "MACRO SIZE, ORIGIN": (
        lef(macros=macro("X", pin("A"), "ORIGIN 0.1 0.2 ;\nSIZE 3 BY 4 ;")),
        X,
        lambda d, lib: np.allclose(d.pins[2], (0.3, 0.4)) and d.boxes[2].tolist() == [0, 0, 3, 4],
    ),
    "MACRO FOREIGN, EEQ, SYMMETRY, SITE, PROPERTY": (
        cell('CORE ;\nFOREIGN F 0 0 ;\nEEQ INV ;\nSYMMETRY X Y ;\nSITE s ;\nPROPERTY SIZE "9 BY 9"'),
        X,
        lambda d, lib: lib.macros["X"].width == 1 and not lib.skipped,
    ),
    "MACRO DENSITY": (
        cell("CORE", pin("A") + "DENSITY\nLAYER M1 ;\nRECT 0 0 1 1 45.5 ;\nEND\n"),
        X,
        lambda d, lib: lib.skipped == {"LEF MACRO DENSITY": 1},
    ),
    "PIN DIRECTION, USE": (
        cell("CORE", pin("A", way="OUTPUT TRISTATE", more="USE CLOCK ;\n")),
        X,
        lambda d, lib: d.kinds[2].sequential and d.driver[2],
    ),
    "PORT RECT, POLYGON, PATH": (
        cell(
            "CORE",
            pin(
                "A",
                "RECT MASK 1 ITERATE 0 0 0.1 0.1 DO 2 BY 1 STEP 0.5 0 ;\nWIDTH 0.2 ;\nPATH 0.3 1 0.9 1 ;\n"
                "POLYGON 0 0 0.2 0 0.2 0.1 0.1 0.1 0.1 0.2 0 0.2 ;",
            ),
        ),
        X,
        lambda d, lib: np.allclose(
            [b for _, b in lib.macros["X"].pins["A"].boxes],
            [(0, 0, 0.1, 0.1), (0.5, 0, 0.6, 0.1), (0.2, 0.9, 1.0, 1.1), (0, 0, 0.2, 0.1), (0, 0.1, 0.1, 0.2)],
        ),
    ),
    "PORT VIA": (
        cell("CORE", pin("A", "VIA 0.1 0.1 V12 ;\nRECT 0 0 1 1 ;")),
        X,
        lambda d, lib: lib.skipped == {"LEF VIA in a PORT or OBS": 1},
    ),
    "OBS": (
        lef(),
        de(),
        lambda d, _: (
            d.obstacles == [("M3", (50, 20, 60, 24))]
            and np.isclose(blocked(d)[0][2, 5], 20)
            and blocked(d)[0].sum() < 20.1
            and not blocked(d)[1].any()
        ),
    ),
    "BEGINEXT": (lef(EXTENDED), de(), lambda d, lib: lib.skipped == {"LEF BEGINEXT": 1}),
    "END LIBRARY": (lef().replace("END LIBRARY", ""), de(), "END LIBRARY"),
}
OF_DEF = {
    "VERSION, DIVIDERCHAR, BUSBITCHARS, NAMESCASESENSITIVE, TECHNOLOGY, HISTORY": (
        de(
            'DIVIDERCHAR "/" ;\nBUSBITCHARS "[]" ;\nNAMESCASESENSITIVE ON ;\nTECHNOLOGY t ;\n'
            'HISTORY made by "a ; b" # END DESIGN\n;\n'
        ),
        lambda d: not d.skipped,
    ),
    "DESIGN, UNITS, DIEAREA": (de().replace("UNITS DISTANCE MICRONS 1000 ;", ""), "has no UNITS"),
    "DIEAREA polygon": (
        de(die="( 0 0 ) ( 0 100000 ) ( 50000 100000 ) ( 50000 50000 ) ( 100000 50000 ) ( 100000 0 )"),
        lambda d: (
            d.die == (0, 0, 100, 100)
            and d.blockages == [("OUTSIDE", (50, 50, 100, 100))]
            and blocked(d)[1][9, 9] > 49
            and not blocked(d)[1][:5].any()
        ),
    ),
    "PROPERTYDEFINITIONS": (
        de("PROPERTYDEFINITIONS\nDESIGN CORE_BOX REAL 1.0 ;\nNET a STRING ;\nEND PROPERTYDEFINITIONS\n"),
        lambda d: d.name == "top" and d.skipped == {"PROPERTYDEFINITIONS": 1},
    ),
    "ROW": (de("ROW a s 0 0 N DO 9 BY 1 STEP 100 0 ;\n"), lambda d: d.skipped == {"ROW": 1}),
    "TRACKS": (  # half as far apart as the pitch says, on half of the die, and one more
        de("TRACKS X 50 DO 500 STEP 100 MASK 1 SAMEMASK LAYER M2 M1 ;\n"),
        lambda d: (
            np.allclose(d.tracks["M1"][0][1:], (0.05, 0.1, 500))
            and [*d.tracks] == ["M2", "M1"]
            and np.allclose(-blocked(d)[1], 0.1)
        ),
    ),
    "GCELLGRID": (
        de("GCELLGRID X 0 DO 11 STEP 10000 ;\nGCELLGRID Y 0 DO 21 STEP 5000 ;\n"),
        lambda d: d.gcells == {"X": [(0, 10, 11)], "Y": [(0, 5, 21)]},
    ),
    "VIAS": (
        routed(
            "+ ROUTED M1 ( 0 0 ) G ( 0 9000 ) H ( 9000 * )",
            more="VIAS 2 ;\n- G + VIARULE r + CUTSIZE 1 1 + LAYERS M1 C M2 ;"
            "\n- H + RECT M2 ( 0 0 ) ( 1 1 ) + POLYGON M3 + MASK 1 ( 0 0 ) ( 1 1 ) ( 0 1 ) ;\nEND VIAS\n",
        ),
        lambda d: wires(d) == [("M1+M2", 0, 0, 0, 0), ("M2", 0, 0, 0, 9), ("M2+M3", 0, 9, 0, 9), ("M3", 0, 9, 9, 9)],
    ),
    "NONDEFAULTRULES, STYLES, REGIONS, GROUPS, SCANCHAINS, PINPROPERTIES, SLOTS, FILLS": (
        de(more="".join(f"{s} 2 ;\n- a + b ;\n- c ( 0 0 ) ;\nEND {s}\n" for s in SECTIONS)),
        lambda d: d.skipped == dict.fromkeys(SECTIONS, 2),
    ),
    "COMPONENTS PLACED, FIXED, COVER": (
        de(cells=("- i INV + placed ( 10000 60000 ) fs ;", "- r RAM + COVER ( 50000 20000 ) FE ;")),
        lambda d: d.boxes.tolist() == [[10, 60, 11, 62], [50, 20, 54, 30]],
    ),
    "COMPONENTS UNPLACED": (de(cells=("- i INV + UNPLACED ;", PLACED[1])), "i is not placed"),
    "COMPONENTS of a type that LEF lacks": (
        de(cells=(*PLACED, "- d DFF + PLACED ( 0 0 ) N ;")),
        "a DFF, which the LEF files do not",
    ),
    "COMPONENTS fillers, covers": (
        de(cells=(*PLACED, "- f ANTENNA_X1 + PLACED ( 0 0 ) N ;"), nets=(f"{NET} ( f A ) ;",)),
        lambda d: (
            d.skipped == {"fillers": 1, "pins of fillers that the LEF files lack": 1} and d.pin_cell.tolist() == [0, 1]
        ),
    ),
    "COMPONENTS HALO, ROUTEHALO": (
        de(cells=(f"{PLACED[0][:-1]} + HALO SOFT 1 1 1 1 + ROUTEHALO 100 M1 M3 ;", PLACED[1])),
        lambda d: d.skipped == {"COMPONENTS HALO": 1, "COMPONENTS ROUTEHALO": 1},
    ),
    "COMPONENTS SOURCE, WEIGHT, REGION, EEQMASTER, PROPERTY": (
        de(
            cells=(
                "- i INV + EEQMASTER B + SOURCE DIST + FIXED ( 0 0 ) N + WEIGHT 2 + REGION r"
                ' + PROPERTY a "x ; + PLACED" ;',
                PLACED[1],
            )
        ),
        lambda d: d.boxes[0].tolist() == [0, 0, 1, 2] and not d.skipped,
    ),
    "PINS": (
        de(
            pins=(
                "- p + NET n + DIRECTION INPUT + USE SIGNAL + PORT + LAYER M2 ( 0 0 ) ( 9 9 ) + FIXED ( 0 9000 ) N"
                " + PORT"
                " + LAYER M3 ( 0 0 ) ( 9 9 ) + PLACED ( 5 5 ) N ;",
            ),
            nets=(f"{NET} ( PIN p ) ;",),
        ),
        lambda d: d.pins[2].tolist() == [0, 9] and d.driver[2] and d.access[2] == [("M2", (0, 9, 0, 9))],
    ),
    "BLOCKAGES LAYER": (
        barred(f"- LAYER M2 + PUSHDOWN + EXCEPTPGNET + SPACING 100 {POLYGON} RECT ( 50000 0 ) ( 60000 10000 ) ;"),
        lambda d: np.allclose(blocked(d)[1][:2, :6].round(1), [[49.5, 49.5, 0, 0, 0, 49.5], [49.5, 0, 0, 0, 0, 0]]),
    ),
    "BLOCKAGES LAYER SLOTS, FILLS": (
        barred("- LAYER M2 + SLOTS RECT ( 0 0 ) ( 9 9 ) ;\n- LAYER M2 + FILLS RECT ( 0 0 ) ( 9 9 ) ;", 2),
        lambda d: not d.blockages and d.skipped == {"BLOCKAGES SLOTS": 1, "BLOCKAGES FILLS": 1},
    ),
    "BLOCKAGES PLACEMENT": (
        barred("- PLACEMENT + COMPONENT r RECT ( 0 0 ) ( 5000 10000 ) ;"),
        lambda d: np.isclose(features(d, 10, 10)["macro"][0, 0], 0.5),
    ),
    "BLOCKAGES PLACEMENT SOFT": (
        barred("- PLACEMENT + SOFT RECT ( 0 0 ) ( 5000 10000 ) ;"),
        lambda d: features(d, 10, 10)["macro"][0, 0] == 0,
    ),
    "BLOCKAGES PLACEMENT PARTIAL": (
        barred(
            "- PLACEMENT + PARTIAL 0.3 RECT ( 0 0 ) ( 5000 10000 ) ;\n"
            "- PLACEMENT + PARTIAL 80.0 RECT ( 10000 0 ) ( 20000 10000 ) ;",
            2,
        ),
        lambda d: np.allclose(features(d, 10, 10)["macro_region"][0, :2], (0.35, 0.2)),
    ),
    "SPECIALNETS wires": (
        special(
            "+ ROUTED M3 2000 + SHAPE STRIPE + STYLE 0 ( 0 5000 0 ) ( 40000 * 1000 )"
            " NEW M1 10000 ( 75000 0 ) V12 FS DO 2 BY 2 STEP 1 1 ( * 90000 )"
            " NEW M1 100 ( 0 0 ) ( 0 1 ) NEW M2 10 ( 0 0 ) ( 9 9 )"
        ),
        lambda d: (
            d.obstacles[1:] == [("M3", (0, 4, 41, 6)), ("M2", (70, 0, 80, 90))]
            and np.isclose(blocked(d)[0][0, 0], 10)
            and np.isclose(blocked(d)[1][0, 7], 49.5)
            and d.skipped == {"slanted wires of SPECIALNETS": 1}
        ),
    ),
    "SPECIALNETS RECT, POLYGON": (
        special(
            f"+ ROUTED + SHAPE RING + RECT M3 + MASK 1 ( 0 0 ) ( 10000 5000 ) + {POLYGON.replace('N (', 'N M2 (', 1)}"
        ),
        lambda d: np.isclose(blocked(d)[0][0, 0], 25) and len(d.obstacles) == 1 + 1 + 2,
    ),
    "SPECIALNETS SHIELD": (
        special("+ SHIELD n M3 1000 ( 0 5000 ) ( 10000 * )"),
        lambda d: np.isclose(blocked(d)[0][0, 0], 5),
    ),
    "NETS pins": (
        de(nets=("- n ( i Y + SYNTHESIZED ) ( r A ) ;", "- MUSTJOIN ( i A ) ( r A ) ;")),
        lambda d: d.pin_net.tolist() == [0, 0, 1, 1],
    ),
    "NETS at a pin that is nowhere": (de(nets=(f"{NET} ( PIN p ) ;",)), "the port p, which PINS does not place"),
    "NETS USE": (
        de(
            nets=(f"{NET} + USE CLOCK ;", "- VDD ( PIN VDD ) ( zz VDD ) + USE POWER ;"),
            pins=("- VDD + NET VDD + USE POWER ;",),
        ),
        lambda d: d.uses == ["CLOCK", "POWER"] and d.signals.tolist() == [True, False] and [*d.skipped.values()] == [2],
    ),
    "NETS SUBNET": (
        routed("+ SUBNET s ( i Y ) ( VPIN v ) ROUTED M1 ( 1000 5000 ) ( 9000 * ) + ROUTED M2 ( 0 0 ) ( * 1000 )"),
        lambda d: (
            wires(d) == [*PLAIN_WIRE, ("M2", 0, 0, 0, 1)] and len(d.pins) == 2 and d.skipped == {"NETS SUBNET": 1}
        ),
    ),
    "NETS VPIN": (
        routed("+ vpin v LAYER M1 ( 0 0 ) ( 1 1 ) FIXED ( 5 5 ) N + ROUTED M1 ( 1000 5000 ) ( 9000 * )"),
        lambda d: wires(d) == PLAIN_WIRE and d.skipped == {"NETS VPIN": 1},
    ),
    "NETS WEIGHT, SOURCE, PATTERN, NONDEFAULTRULE, XTALK, PROPERTY": (
        routed('+ WEIGHT 3 + SOURCE NETLIST + PATTERN STEINER + XTALK 2 + PROPERTY a "ROUTED ;" + NONDEFAULTRULE w'),
        lambda d: not d.wires and not d.skipped,
    ),
    "NETS wires": (
        routed("+ FIXED M1 ( 1000 5000 100 ) ( 9000 * 0 ) NEW M2 ( 0 0 ) ( * 1000 ) + NOSHIELD M3 ( 0 0 ) ( 1000 * )"),
        lambda d: wires(d) == [*PLAIN_WIRE, ("M2", 0, 0, 0, 1), ("M3", 0, 0, 1, 0)],
    ),
    "NETS vias": (
        routed("+ ROUTED M1 ( 1000 5000 ) V12 FN ( * 9000 )"),
        lambda d: wires(d) == [("M1+M2", 1, 5, 1, 5), ("M2", 1, 5, 1, 9)],
    ),
    "NETS vias that no file has": (
        routed("+ ROUTED M1 ( 1000 5000 ) VX ( 9000 * )"),
        lambda d: wires(d) == PLAIN_WIRE and len(d.skipped) == 1,
    ),
    "NETS RECT": (
        routed("+ ROUTED M1 ( 1000 5000 ) RECT ( -70 -70 70 70 ) ( 9000 * )"),
        lambda d: (
            wires(d) == PLAIN_WIRE
            and d.patches[0][:2] == (0, "M1")
            and np.allclose(d.patches[0].box, (0.93, 4.93, 1.07, 5.07))
        ),
    ),
    "NETS VIRTUAL": (routed("+ ROUTED M1 ( 0 0 ) VIRTUAL ( 1000 5000 ) ( 9000 * )"), lambda d: wires(d) == PLAIN_WIRE),
    "NETS TAPER, TAPERRULE, STYLE, MASK": (
        routed("+ ROUTED M1 TAPERRULE w STYLE 1 ( 1000 5000 ) MASK 2 ( 9000 * ) NEW M1 TAPER ( 0 0 ) MASK 031 V12"),
        lambda d: wires(d) == [*PLAIN_WIRE, ("M1+M2", 0, 0, 0, 0)],
    ),
    "BEGINEXT": (de(EXTENDED), lambda d: d.skipped == {"BEGINEXT": 1}),
    "END DESIGN": (de().replace("END DESIGN", ""), "END DESIGN"),
    "a section with another number of entries": (de().replace("NETS 1", "NETS 2"), "NETS says 2 entries, found 1"),
    "other statements": (
        de("ARRAY a ;\nFLOORPLAN b ;\nIOTIMINGS 1 ;\n- a ;\nEND IOTIMINGS\n"),
        lambda d: d.skipped == {"ARRAY": 1, "FLOORPLAN": 1, "IOTIMINGS": 1},
    ),
}
CASES = {("LEF", name): case for name, case in OF_LEF.items()} | {
    ("DEF", name): (lef(), *case) for name, case in OF_DEF.items()
}


@pytest.mark.parametrize(
    ("boxes", "taken", "barred_part"),
    [(("M3 RECT ( 0 0 ) ( 5000 10000 )", "M3 RECT ( 0 0 ) ( 5000 9999 )"), 25, 0.5),
     (("M3 RECT ( 0 0 ) ( 6000 5000 )", "M3 RECT ( 4000 0 ) ( 10000 10000 )"), 40, 0.8),
     (("C1 RECT ( 0 0 ) ( 10000 10000 )",), 0, 0)],
)  # fmt: skip
def test_what_several_blockages_cover_counts_once(tmp_path, boxes, taken, barred_part):
    """And one of a cut layer bars nothing."""
    (tmp_path / "a.lef").write_text(lef())
    (tmp_path / "a.def").write_text(barred("\n".join(f"- LAYER {box} ;" for box in boxes), len(boxes)))
    design = read_def(tmp_path / "a.def", read_lef([tmp_path / "a.lef"]))
    assert blocked(design)[0][0, 0] == pytest.approx(taken)
    assert features(design, 10, 10)["macro"][0, 0] == pytest.approx(barred_part)


def test_a_layer_is_barred_by_its_share_of_the_tracks(tmp_path):
    """Of six layers those from the third up are as a macro together; M2 takes as much as one of them, M1 nothing."""
    (tmp_path / "a.lef").write_text(lef(layers=metals(6)))
    box, found = "RECT ( 0 0 ) ( 10000 10000 )", {}
    for names in ("M4", "M3 M4", "M4 M4", "M3 M4 M5 M6", "M2", "M1"):
        rows = [f"- LAYER {name} {box} ;" for name in names.split()]
        (tmp_path / "a.def").write_text(barred("\n".join(rows), len(rows)))
        design = read_def(tmp_path / "a.def", read_lef([tmp_path / "a.lef"]))
        found[names] = float(features(design, 10, 10)["macro"][0, 0])
    assert found == pytest.approx(dict(zip(found, (0.25, 0.5, 0.25, 1, 0.25, 0), strict=True)))
    assert maps_on(design, Grid(design.die, 10, 10), 3)["macro"][0, 0] == 0
    design.blockages = [("M3", design.die), ("M6", design.die)]
    assert maps_on(design, Grid(design.die, 10, 10), 3)["macro"].min() == 1  # the only one that macros bar there


def test_a_partial_blockage_over_a_macro(tmp_path):
    """The macro covers .4 of the gcell, the blockage all of it, of which it bars half."""
    (tmp_path / "a.lef").write_text(
        lef(macros=macro("RAMC", pin("A") + pin("CLK", more="USE CLOCK ;\n"), "CLASS BLOCK ;\nSIZE 10 BY 4 ;"))
    )
    text = de(
        cells=(*PLACED, "- c RAMC + FIXED ( 0 0 ) N ;"),
        more="BLOCKAGES 1 ;\n- PLACEMENT + PARTIAL 50 RECT ( 0 0 ) ( 10000 10000 ) ;\nEND BLOCKAGES\n",
    )
    (tmp_path / "a.def").write_text("\ufeff" + text)
    maps = features(read_def(tmp_path / "a.def", read_lef([tmp_path / "a.lef"])), 10, 10)
    assert maps["macro"][0, 0] == pytest.approx(0.4 + 0.6 / 2) and not maps["flip_flop"].any()


@pytest.mark.parametrize(
    ("die", "at", "said"),
    [
        ("( 0 0 ) ( 100000 100000 )", "( -90000 60000 )", "1 of 2 cells are placed off the die, i:"),
        ("( 0 0 ) ( 9000 9000 )", "( 10000 60000 )", "2 of 2 cells are placed off the die, i, r:"),
        ("( 0 0 ) ( 0 100000 ) ( 9000 100000 ) ( 9000 50000 ) ( 100000 50000 ) ( 100000 0 )", "( 10000 60000 )",
         "1 of 2 cells are placed off the die, i:"),
        ("( 0 0 ) ( 100000 100000 )", "( -400 60000 )", ""),
    ],
)  # fmt: skip
def test_cells_off_the_die_are_warned_of(tmp_path, die, at, said):
    """Beside its box, or where a polygon leaves some of that out; one that sticks out less than half is on it."""
    (tmp_path / "a.lef").write_text(lef())
    (tmp_path / "a.def").write_text(de(die=die).replace("( 10000 60000 )", at))
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        read_def(tmp_path / "a.def", read_lef([tmp_path / "a.lef"]))
    assert [said in str(warning.message) for warning in found] == [True] * bool(said)


def test_gcells_that_stand_out_over_the_die(tmp_path):
    (tmp_path / "a.lef").write_text(lef())
    (tmp_path / "a.def").write_text(de())
    design = read_def(tmp_path / "a.def", read_lef([tmp_path / "a.lef"]))
    h, v = capacity(design, 3, grid_of(design, "30um"))
    np.testing.assert_allclose(h[1:3], [[150, 150, 150, 50]] * 2)
    np.testing.assert_allclose(v[:, 0], [150, 150, 150, 50])


@pytest.mark.parametrize(
    "tight", [("( i Y )", "(i Y)"), ("( 10000 60000 )", "(10000 60000)"), ("MICRONS 1000", "MICRONS 0")]
)
def test_what_no_grammar_has(tmp_path, tight):
    """Parentheses without spaces are read all the same; a unit of nothing is refused."""
    (tmp_path / "a.lef").write_text(lef())
    (tmp_path / "a.def").write_text(de().replace(*tight))
    if "MICRONS" in tight[0]:
        with pytest.raises(ValueError, match="MICRONS is above 0, got 0"):
            read_def(tmp_path / "a.def", read_lef([tmp_path / "a.lef"]))
        return
    design = read_def(tmp_path / "a.def", read_lef([tmp_path / "a.lef"]))
    assert len(design.pins) == 2 and design.boxes[0].tolist() == [10, 60, 11, 62]


def test_every_row_has_its_case():
    of_lef, of_def = TABLE.read_text().split("## DEF")
    named = {("LEF", name) for name, _ in ROWS if f"| {name} |" in of_lef} | {
        ("DEF", n) for n, _ in ROWS if f"| {n} |" in of_def
    }
    assert named == set(CASES) and len(ROWS) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_a_statement(tmp_path, case):
    library, design, holds = CASES[case]
    (tmp_path / "a.lef").write_text(library)
    (tmp_path / "a.def").write_text(design)
    if isinstance(holds, str):
        with pytest.raises(ValueError, match=holds):
            read_def(tmp_path / "a.def", read_lef([tmp_path / "a.lef"]))
        return
    found = read_lef([tmp_path / "a.lef"])
    read = read_def(tmp_path / "a.def", found)
    assert holds(read, found) if case[0] == "LEF" else holds(read), (found.skipped, read)
