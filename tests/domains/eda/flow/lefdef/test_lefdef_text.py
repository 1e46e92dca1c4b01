"""appnas.domains.eda.flow.lefdef.text: words, quoted and commented ones; files of other kinds; sections."""

import gzip

import pytest

from appnas.domains.eda.flow.lefdef.text import SPACE, count, keywords, parts, read, sections, words


def test_words():
    text = 'A "b c;" ; # d ;\nname#1 "#" x;\n  # whole line "\nEND'
    assert words(text) == ["A", f'"b{SPACE}c;"', ";", "name#1", '"#"', "x", ";", "END"]


def test_files_of_other_kinds(tmp_path):
    """Gzipped without the ending, Latin-1; cut off, no text."""
    (tmp_path / "a.def").write_bytes(gzip.compress(b"END"))
    (tmp_path / "b.def").write_bytes("# M\xfcnchen".encode("latin-1"))
    assert read(tmp_path / "a.def") == "END" and read(tmp_path / "b.def") == "# M\xfcnchen"
    (tmp_path / "a.def").write_bytes(gzip.compress(b"END" * 99)[:-9])
    with pytest.raises(ValueError, match="cut off or damaged"):
        read(tmp_path / "a.def")
    (tmp_path / "a.def").write_bytes(b"\x7fELF\0\0")
    with pytest.raises(ValueError, match="is no text"):
        read(tmp_path / "a.def")


def test_sections():
    found = sections("VERSION 5 ;\nnets 1 ;\n- a ( b c ) ;\nend nets\nROW r ;\nEnd Design junk", "a.def")
    assert found == {"": [["VERSION", "5"], ["ROW", "r"]], "NETS": [["a", "(", "b", "c", ")"]]}
    for text, match in (
        ("- a ;\nEND DESIGN", "the entry '- a ;' is in no section"), ("ROW", "'ROW' has no end"),
        ("BEGINEXT a ;", "'BEGINEXT a ;' has no end"), ("NETS 2 ;\n- a ;\nEND DESIGN", "NETS says 2 entries, found 1"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=match):
            sections(text, "a.def")


def test_parts_and_counts():
    tokens = ["a", "+", "use", "CLOCK", "+", "X"]
    assert parts(tokens) == [["a"], ["use", "CLOCK"], ["X"]] and [*keywords(tokens, 0)] == [("USE", 2), ("X", 5)]
    found = {}
    count(found, "a")
    count(found, "a", 2)
    assert found == {"a": 3}
