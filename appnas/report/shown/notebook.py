"""What a search found as a notebook shows it: the drawing, the value, and how to go on."""

from __future__ import annotations

from html import escape

from appnas.loop import SearchResult
from appnas.report import figures, page

FRAME = (
    "background:#fff;border:1px solid #dfe3e7;border-radius:.5rem;padding:.5rem;margin:.4rem 0;overflow-x:auto;"
    "width:fit-content"
)


def found(result: SearchResult) -> str:
    """A fragment of HTML; its pictures lie in it, so that a saved notebook still shows them."""
    drawn = figures.architecture(result.space, result.best) if result.space else []
    pictures = "".join(
        f'<div style="{FRAME}"><img alt="{escape(plot.alt)}" width="{plot.image.width}"'
        f' height="{plot.image.height}" src="{page.data(plot.image)}" style="max-width:none"></div>'
        for plot in drawn
    )
    *words, told = str(result).split("\nvalue ")
    text = "" if drawn else f"<pre>{escape(words[0])}</pre>"
    where = result.info.get("path")
    run = f" Its run: {page.code(str(where))}." if where else ""
    following = page.code('result.retrain(epochs=20, seeds=3, beside=["random"])')
    return (
        f"<div><b>What was found</b>{pictures or text}<div>value {escape(told)}.{run}<br>Next: {following}</div></div>"
    )
