"""What a retraining shows in a notebook; in a terminal: see test_rows."""

from appnas.retrain import Retrained, Row


def test_a_retraining_shows_its_table_and_who_won():
    rows = [Row(name, (0,), 1000, 2000, [{"accuracy": value}], 1.5) for name, value in (("found", 51.2), ("<r>", 72.2))]
    html = Retrained(None, rows, 3)._repr_html_()
    assert "The found architecture lost to &lt;r&gt; by 21 points" in html
    assert "<td>51.2</td>" in html and "<th>test accuracy</th>" in html and "trained for 3 epochs" in html
