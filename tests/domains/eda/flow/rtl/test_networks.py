"""appnas.domains.eda.flow.rtl.networks: what they compute, by yosys."""

from evaluated import computed

from appnas.domains.eda.flow.rtl.networks import crossbar, parity


def test_a_crossbar_turned_round(tmp_path):
    assert computed(tmp_path, crossbar(4, 2), a=0b11100100, c=0b00011011) == 0b00011011


def test_a_word_whose_checks_hold_is_left_alone(tmp_path):
    assert computed(tmp_path, parity(6, 8, 3), a=0) == 0
    assert computed(tmp_path, parity(6, 8, 3), a=1) != 1 or computed(tmp_path, parity(6, 8, 3), a=2) != 2
