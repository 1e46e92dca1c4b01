"""The parts of a report's page: plain HTML with inline CSS, nothing to load and nothing to run; numbers for people."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Literal, NamedTuple

from appnas.report.plots import Image

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # the page can load nothing and run nothing
CSS = """
:root{color-scheme:light dark;--ink:#1f2328;--dim:#5d6670;--line:#dfe3e7;--paper:#fff;--card:#fff;--soft:#f4f6f8;
--ok:#00724f;--warn:#a84300;--todo:#5d6670;--link:#005a94}
@media (prefers-color-scheme:dark){:root{--ink:#e4e7ea;--dim:#9aa4ae;--line:#33383e;--paper:#121416;--card:#1a1a1a;
--soft:#1e2124;--ok:#4cc9a0;--warn:#f2a35e;--todo:#9aa4ae;--link:#7cc4f4}
figure img{filter:invert(.898) hue-rotate(180deg)}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:100rem;margin:0 auto;padding:2.5rem clamp(1.25rem,3vw,3rem) 4rem}
a{color:var(--link)}p,li,dd{overflow-wrap:anywhere}main>p,section>p,section>ul,.beside p{max-width:46rem}
h1{font-size:clamp(1.7rem,5vw,2.5rem);line-height:1.15;letter-spacing:-.02em;margin:.1rem 0 .4rem}
h2{font-size:1.3rem;line-height:1.3;letter-spacing:-.01em;margin:3rem 0 .5rem;padding-top:1.1rem;
border-top:1px solid var(--line)}
h3{font-size:1rem;margin:1.5rem 0 .3rem}
.over{color:var(--dim);font-size:.85rem;margin:0}.lede{font-size:1.15rem;line-height:1.5;margin:.9rem 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.6rem;margin:1.4rem 0;padding:0}
.tiles div{background:var(--soft);border-radius:.6rem;padding:.7rem .8rem}
.tiles dt{color:var(--dim);font-size:.8rem}.tiles dd{margin:0}
.tiles .big{font-size:1.15rem;line-height:1.5;font-weight:650;letter-spacing:-.01em}
.tiles .sub{color:var(--dim);font-size:.8rem}
.note{border-left:3px solid var(--warn);background:var(--soft);border-radius:0 .5rem .5rem 0;padding:.7rem 1rem;
margin:1rem 0;max-width:46rem}.note p{margin:.2rem 0}
code,pre{font:.875em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
code{background:var(--soft);padding:.1em .35em;border-radius:.3em;overflow-wrap:anywhere}
.note code{background:var(--paper)}
section>.check{list-style:none;padding:0;margin:.6rem 0;max-width:none;display:grid;column-gap:2.5rem;
grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr))}.check li{display:flex;gap:.7rem;padding:.35rem 0}
.check b{display:block}.mark{flex:none;width:1.4rem;height:1.4rem;border-radius:50%;border:1.5px solid;
text-align:center;font-size:.8rem;line-height:1.25rem;font-weight:700;margin-top:.1rem}
.ok .mark{color:var(--ok)}.warn .mark{color:var(--warn)}.todo .mark{color:var(--todo)}
.scroll{overflow-x:auto;margin:.8rem 0}
table{border-collapse:collapse;font-size:.93rem;font-variant-numeric:tabular-nums}
th,td{padding:.4rem .8rem .4rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
th{color:var(--dim);font-weight:500;font-size:.82rem;vertical-align:bottom}section td:first-child{white-space:nowrap}
td.n,th.n{text-align:right}td.n{white-space:nowrap}
tr.top td{font-weight:650}tr.foot td{border-bottom:0;color:var(--dim)}
.plots{display:flex;flex-wrap:wrap;gap:1.2rem;margin:1rem 0;align-items:flex-start}
.plots.even{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,23rem),1fr))}
.even figure{width:100%!important;max-width:33rem;height:100%}
figure{margin:0;padding:1rem;background:var(--card);border:1px solid var(--line);border-radius:.6rem;max-width:100%}
figure div{overflow-x:auto}figure img{display:block;max-width:100%;height:auto}
figure.wide img{max-width:none}figcaption{color:var(--dim);font-size:.85rem;line-height:1.45;margin-top:.5rem}
.plots figure{flex:none}
pre{background:var(--soft);border-radius:.5rem;padding:.7rem .9rem;overflow-x:auto;margin:.4rem 0}
pre code{background:none;padding:0;white-space:pre-wrap}
summary{color:var(--dim);font-size:.85rem;cursor:pointer}details{margin:.3rem 0}
.beside{display:grid;grid-template-columns:minmax(0,1fr);gap:0 2.5rem;align-items:start}
@media (min-width:75rem){.beside{grid-template-columns:minmax(0,1fr) 24rem}.beside figure{width:100%!important}}
@media (min-width:95rem){.beside{grid-template-columns:minmax(0,auto) 33rem;justify-content:start}}
.use{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:0 2rem}.use>div{min-width:0}
table.cards td:first-child{white-space:normal;min-width:9rem;max-width:44rem}
.config{columns:2 22rem;column-gap:3rem}.config div{break-inside:avoid;margin-bottom:1.2rem}.config h3{margin-top:0}
.config table{width:100%}.config table td:first-child{white-space:normal}
.config td:first-child{color:var(--dim);width:45%}.config td{overflow-wrap:anywhere}
@media (max-width:40rem){main{padding-top:1.5rem}.tiles div{padding:.6rem .7rem}
.plots figure{width:100%!important;padding:.6rem}
figure:not(.wide) img{width:100%}
.cards thead{display:none}.cards,.cards tbody,.cards tr,.cards td{display:block}
.cards tr{border:1px solid var(--line);border-radius:.5rem;padding:.5rem .7rem;margin:.6rem 0}
.cards td{border:0;padding:.12rem 0}.cards td.n{display:flex;justify-content:space-between;gap:1rem;white-space:normal}
.cards td.n:empty{display:none}.cards td.n::before{content:attr(data-label);color:var(--dim);text-align:left}
figure.swipe figcaption::after{content:" \2194  Swipe to see all of it."}}
.gallery{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,40rem),1fr));gap:0 2.5rem}
.gallery section{min-width:0}
.live{position:fixed;right:.8rem;bottom:.6rem;margin:0;padding:.15rem .7rem;border-radius:1rem;font-size:.8rem;
background:var(--ok);color:var(--paper)}
@media print{h2{break-after:avoid}figure,tr{break-inside:avoid}main{max-width:none}}
"""


class Plot(NamedTuple):
    """A figure of the page, also written as `report-NAME.png`.

    Attributes:
        name: unique on the page.
        image: the picture.
        alt: what it shows, for those who do not see it.
        caption: below it; HTML.
        wide: never shrunk, scrolled on a narrow screen.
    """

    name: str
    image: Image
    alt: str
    caption: str
    wide: bool = False

    def html(self) -> str:
        """As a figure with the picture inside."""
        _, width, height = self.image
        kind = f' class="wide{" swipe" * (width > 330)}"' if self.wide else ""
        return (
            f'<figure{kind} style="width:calc({width}px + 2rem + 2px)"><div>'
            f'<img alt="{escape(self.alt)}" width="{width}" height="{height}" src="{data(self.image)}"></div>'
            f"<figcaption>{self.caption}</figcaption></figure>"
        )


def data(image: Image) -> str:
    """An image as the address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(image.png).decode()}"


class Check(NamedTuple):
    """An item of the checklist; `text` is HTML."""

    state: Literal["ok", "warn", "todo"]
    title: str
    text: str


def page(title: str, body: Iterable[str]) -> str:
    """A whole document."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{CSS}</style></head>\n<body><main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main></body></html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A titled section; nothing if it would be empty."""
    inside = "\n".join(part for part in parts if part)
    return f"<section><h2>{escape(title)}</h2>\n{inside}</section>" if inside else ""


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], top: int = -1, foot: bool = False, cards: bool = False
) -> str:
    """A table; all columns but the first hold numbers.

    Args:
        head: of the columns.
        rows: cells, as HTML.
        top: the row to stress.
        foot: whether the last row sums up.
        cards: on narrow screens a row becomes a block, a line a column, each with its heading.
    """
    rows = list(rows)

    def line(cells: Sequence[str], tag: str, kind: str = "") -> str:
        labels = [f' data-label="{escape(name)}"' if cards and tag == "td" else "" for name in head]
        inside = "".join(f"<{tag}{' class=n' if i else ''}{labels[i]}>{cell}</{tag}>" for i, cell in enumerate(cells))
        return f"<tr{kind}>{inside}</tr>"

    last = len(rows) - 1 if foot else -1
    body = "".join(line(row, "td", " class=top" * (i == top) or " class=foot" * (i == last))
                   for i, row in enumerate(rows))  # fmt: skip
    head_line = line([escape(name) for name in head], "th")
    kind = " class=cards" if cards else ""
    return f"<div class=scroll><table{kind}><thead>{head_line}</thead><tbody>{body}</tbody></table></div>"


def tiles(items: Iterable[tuple[str, str, str]]) -> str:
    """Big numbers: (what, number, detail)."""
    return "<dl class=tiles>{}</dl>".format(
        "".join(
            f"<div><dt>{escape(what)}</dt><dd class=big>{escape(number)}</dd><dd class=sub>{escape(detail)}</dd></div>"
            for what, number, detail in items
        )
    )


def note(*paragraphs: str) -> str:
    """Something to notice; HTML."""
    return f"<div class=note>{''.join(f'<p>{text}</p>' for text in paragraphs)}</div>"


def checklist(items: Iterable[Check]) -> str:
    """The items, each with its mark."""
    marks = {"ok": ("✓", "done"), "warn": ("!", "attention"), "todo": ("\N{EN DASH}", "not done")}
    return "<ul class=check>{}</ul>".format(
        "".join(
            f'<li class={item.state}><span class=mark role=img aria-label="{marks[item.state][1]}">'
            f"{marks[item.state][0]}</span><div><b>{escape(item.title)}</b>{item.text}</div></li>"
            for item in items
        )
    )


MOST = 8
"""Columns of a table that leave room for a figure to their right."""


def beside(text: str, figures: str) -> str:
    """Text or a table with its figures to the right where there is room; of a table of many columns they are below."""
    narrow = text.count("</th>") <= MOST
    return f"<div class=beside><div>{text}</div>{figures}</div>" if text and figures and narrow else text + figures


def plots(figures: Iterable[Plot]) -> str:
    """Figures beside one another where there is room."""
    figures, parts = list(figures), []
    for kind, some in (("", [f for f in figures if f.wide]), (" even", [f for f in figures if not f.wide])):
        inside = "".join(figure.html() for figure in some)
        parts.append(f'<div class="plots{kind * (len(some) > 1)}">{inside}</div>' if inside else "")
    return "".join(parts)


def code(text: str) -> str:
    """A command or a name."""
    return f"<code>{escape(text)}</code>"


def folded(title: str, inside: str) -> str:
    """HTML that is shown when its title is clicked."""
    return f"<details><summary>{escape(title)}</summary>{inside}</details>"


def lines(text: str) -> str:
    """Lines to copy."""
    return f"<pre><code>{escape(text)}</code></pre>"


def settings(groups: Mapping[str, Any]) -> str:
    """Nested settings, one table a group, nested names joined by dots."""
    parts = []
    for title, values in groups.items():
        rows = "".join(f"<tr><td>{escape(k)}</td><td>{code(v)}</td></tr>" for k, v in flat(values))
        parts.append(f"<div><h3>{escape(title)}</h3><table>{rows}</table></div>")
    return f"<div class=config>{''.join(parts)}</div>"


def flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested dictionaries as (dotted name, value) lines."""
    lines = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            lines += flat(value, f"{prefix}{name}.")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            lines.append((prefix + name, text))
    return lines


def number(value: float) -> str:
    """Four significant digits."""
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")


def count(whole: int) -> str:
    """A count, large ones as a power of ten; HTML."""
    return f"{whole:,}" if whole < 10**9 else f"10<sup>{round(math.log10(whole))}</sup>"


def spread(mean: float, deviation: float, unit: str = "") -> str:
    """Mean ± deviation, the deviation with two digits that count and at most three decimals."""
    if not deviation > 0:
        return number(mean) + unit
    decimals = min(max(1 - math.floor(math.log10(deviation)), 0), 3)
    return f"{mean:.{decimals}f}\N{NO-BREAK SPACE}± {deviation:.{decimals}f}{unit}".replace("-", "\N{MINUS SIGN}")


def percent(share: float) -> str:
    """A share in whole percent."""
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def duration(seconds: float) -> str:
    """A time for people: 0.08 s, 16 s, 4 min 12 s, 2 h 3 min."""
    if seconds < 59.5:
        return f"{seconds:.2g} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{round(seconds) // 60} min {round(seconds) % 60} s"


def linked(paper: str) -> str:
    """A paper's reference, its arXiv number as a link."""
    return re.sub(r"arXiv (\d{4}\.\d{4,5})", r'<a href="https://arxiv.org/abs/\1">arXiv \1</a>', escape(paper))
