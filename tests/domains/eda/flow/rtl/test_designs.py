"""appnas.domains.eda.flow.rtl.designs: every design is one module, and unlike every other."""

from appnas.domains.eda import SMALL
from appnas.domains.eda.flow import own
from appnas.domains.eda.flow.rtl import DESIGNS, OSU018, OSU035, TINY


def test_every_design_is_one_module():
    for name, make in (DESIGNS | TINY).items():
        text = make()
        assert text.startswith("module top(input clk") and text.count("endmodule") == 1, name
        assert make() == text, f"{name} differs from call to call"
    assert len({make() for make in DESIGNS.values()}) == len(DESIGNS) == len(OSU035) + len(OSU018) >= 60


def test_each_is_made_of_one_library():
    assert {source.technology for source in own(list(OSU018))} == {"osu018"}
    assert {source.technology for source in own([*OSU035, *TINY])} == {"osu035"}


def test_both_libraries_are_in_every_split():
    train = set(DESIGNS) - set(SMALL.test) - set(SMALL.valid)
    for part in (SMALL.test, SMALL.valid, train):
        assert set(part) <= set(DESIGNS) and set(part) & set(OSU035) and set(part) & set(OSU018)
    assert not any(name.startswith("div") for name in (*SMALL.valid, *train))
