"""appnas.domains.eda.flow.lefdef: a LEF and a DEF file written by hand, and files that are cut off."""

import gzip

import pytest

from appnas.domains.eda.flow import read_lef
from appnas.domains.eda.flow.lefdef import parts, read, sections

LEF = """
VERSION 5.6 ;
LAYER metal1
  TYPE ROUTING ; DIRECTION HORIZONTAL ; PITCH 2 ;
END metal1
LAYER via1
  TYPE CUT ;
END via1
LAYER metal2
  TYPE ROUTING ;
  DIRECTION VERTICAL ;
  PITCH 1 ;
END metal2
LAYER metal3
  TYPE ROUTING ;
  DIRECTION HORIZONTAL ;
  PITCH 2 ;
END metal3
VIA M2_M1 DEFAULT
  LAYER metal1 ;
    RECT -1 -1 1 1 ;
  LAYER via1 ;
    RECT -1 -1 1 1 ;
  LAYER metal2 ;
    RECT -1 -1 1 1 ;
END M2_M1
MACRO INV
  CLASS CORE ;
  ORIGIN 0 0 ;
  SIZE 4 BY 10 ;
  PIN A
    DIRECTION INPUT ;
    PORT
      LAYER metal1 ;
        RECT 0.5 2 1.5 4 ;
    END
  END A
  PIN Y
    DIRECTION OUTPUT ;
    PORT
      LAYER metal1 ;
        RECT 2.5 2 3.5 8 ;
    END
  END Y
  PIN vdd
    DIRECTION INOUT ;
    USE POWER ;
  END vdd
END INV
MACRO DFF
  CLASS CORE ;
  ORIGIN 1 0 ;
  SIZE 8 BY 10 ;
  PIN CLK
    DIRECTION INPUT ;
    PORT
      LAYER metal1 ;
        RECT 0 2 1 4 ;
    END
  END CLK
  PIN D
    DIRECTION INPUT ;
    PORT
      LAYER metal1 ;
        RECT 2 2 3 4 ;
    END
  END D
  PIN Q
    DIRECTION OUTPUT ;
    PORT
      LAYER metal1 ;
        RECT 4 2 5 4 ;
    END
  END Q
END DFF
MACRO RAM
  CLASS BLOCK ;
  SIZE 20 BY 20 ;
END RAM
END LIBRARY
"""
DEF = """
VERSION 5.6 ;
# a comment ;
DESIGN three ;
UNITS DISTANCE MICRONS 100 ;
DIEAREA ( 0 0 ) ( 8000 4000 ) ;
TRACKS X 50 DO 80 STEP 100 LAYER metal2 ;
TRACKS Y 100 DO 20 STEP 200 LAYER metal1 metal3 ;
COMPONENTS 4 ;
- i1 INV + PLACED ( 1000 1000 ) N ;
- i2 INV + PLACED ( 4000 1000 ) S ;
- f1 DFF + FIXED ( 6000 1000 ) FS ;
- FILL_1 FILL + PLACED ( 0 0 ) N ;
END COMPONENTS
PINS 2 ;
- in + NET in + DIRECTION INPUT + LAYER metal2 ( 0 0 ) ( 1 1 ) + PLACED ( 0 2000 ) N ;
- clk + NET clk + DIRECTION INPUT + LAYER metal2 ( 0 0 ) ( 1 1 ) + PLACED ( 6050 0 ) N ;
END PINS
BLOCKAGES 1 ;
- LAYER metal3 RECT ( 2000 0 ) ( 4000 2000 ) ;
END BLOCKAGES
NETS 4 ;
- in ( PIN in ) ( i1 A ) ;
- mid ( i1 Y ) ( i2 A ) ( f1 D ) + USE SIGNAL
  + ROUTED metal1 ( 1300 1500 ) M2_M1
  NEW metal2 ( 1350 1500 ) ( * 1900 ) M2_M1
  NEW metal1 ( 1350 1900 ) ( 4250 * ) ;
- clk ( PIN clk ) ( f1 CLK ) ;
- alone ( f1 Q ) ;
END NETS
END DESIGN
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "cells.lef").write_text(LEF)
    (tmp_path / "three.def").write_text(DEF)
    return tmp_path


def test_a_library(files):
    library = read_lef([files / "cells.lef"])
    assert library.layers == {"metal1": ("HORIZONTAL", 2.0), "metal2": ("VERTICAL", 1.0), "metal3": ("HORIZONTAL", 2.0)}
    assert library.vias == {"M2_M1": ("metal1", "metal2")}
    inverter, flop = library.macros["INV"], library.macros["DFF"]
    assert (inverter.width, inverter.height, inverter.kind) == (4, 10, "CORE")
    assert inverter.pins["A"].boxes == (("metal1", (0.5, 2, 1.5, 4)),)
    assert inverter.buffer and not inverter.sequential and flop.sequential and not flop.buffer
    assert flop.pins["CLK"].boxes == (("metal1", (1, 2, 2, 4)),)  # moved by the origin
    assert library.macros["RAM"].kind == "BLOCK" and not library.macros["RAM"].pins


def test_sections_and_parts():
    found = sections(DEF, "three.def")
    assert [len(found[name]) for name in ("COMPONENTS", "PINS", "NETS", "BLOCKAGES")] == [4, 2, 4, 1]
    assert parts(["a", "b", "+", "USE", "SIGNAL"]) == [["a", "b"], ["USE", "SIGNAL"]]


def test_damaged_files(files):
    with pytest.raises(ValueError, match="cut off"):
        sections(DEF[: DEF.index("END NETS")], "half.def")
    with pytest.raises(ValueError, match="COMPONENTS says 4 entries, found 3"):
        sections(DEF.replace("- i2 INV + PLACED ( 4000 1000 ) S ;\n", ""), "less.def")
    (files / "half.lef").write_text(LEF[:200])
    with pytest.raises(ValueError, match="END LIBRARY"):
        read_lef([files / "half.lef"])
    (files / "half.def.gz").write_bytes(gzip.compress(DEF.encode())[:100])
    with pytest.raises(ValueError, match="cut off"):
        read(files / "half.def.gz")
    (files / "none.lef").write_text("END LIBRARY\n")
    with pytest.raises(ValueError, match="no routing layer"):
        read_lef([files / "none.lef"])
