"""appnas.domains.eda.flow.rtl.logic: what they compute, by yosys and in Python."""

import re

from evaluated import computed

from appnas.domains.eda.flow.rtl.logic import automaton, lookup, machine


def test_a_table_gives_its_rows(tmp_path):
    text = lookup(4, 6)
    rows = {int(a): int(y) for a, y in re.findall(r"4'd(\d+): y = 6'd(\d+);", text)}
    assert len(rows) == 16 and computed(tmp_path, text, a=9) == rows[9]


def test_an_automaton_steps(tmp_path):
    """Rule 30: left xor (own or right)."""
    a, width = 0b00101100, 8
    left = ((a << 1) | (a >> 7)) & 255
    right = (a >> 1) | ((a & 1) << 7)
    text = automaton(width, 1).replace("a ^ q", "a")
    assert computed(tmp_path, text, a=a) == left ^ (a | right)


def test_a_machine_has_all_its_states():
    text = machine(20, 6, 4)
    assert len(re.findall(r"5'd\d+: begin n =", text)) == 20
