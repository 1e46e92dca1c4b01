"""LEF and DEF files as words, statements and sections. Keywords may be in small letters, names keep theirs."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

Tokens = list[str]
SIZED = ("COMPONENTS", "PINS", "NETS")
"""Sections that say how many entries they hold, and are checked for it."""
PLAIN = {"VERSION", "NAMESCASESENSITIVE", "DIVIDERCHAR", "BUSBITCHARS", "DESIGN", "TECHNOLOGY", "UNITS", "HISTORY",
         "DIEAREA", "ROW", "TRACKS", "GCELLGRID"}  # fmt: skip
"""Statements of DEF that stand outside of sections."""
BLOCKS = {"BEGINEXT": ["ENDEXT"], "PROPERTYDEFINITIONS": ["END", "PROPERTYDEFINITIONS"]}
"""What DEF has no entries in, and how it ends."""
_QUOTED = re.compile(r'(?<!\S)"[^"]*"|(?<!\S)#[^\n]*')
_GLUED = re.compile(r"(?<=\S);(?=\s|$)")
_TIGHT = re.compile(r"\s\((?=[^\s])")
_GROUP = re.compile(r"(?<=\s)\(\s*([^()\s]+(?:\s+[^()\s]+)*)\s*\)(?=[\s;])")
"""Parentheses without a space beside them, which DEF asks for, and some scripts do not write."""
SPACE = "\0"
"""In place of a space within quotation marks."""


def read(path: str | Path) -> str:
    """A text file, gzipped or not, whatever its name; bytes that are no UTF-8 are Latin-1.

    Raises:
        ValueError: it cannot be decompressed to the end, or holds bytes that no text has.
    """
    content = Path(path).read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path} is cut off or damaged: {error}") from error
    if b"\0" in content:
        raise ValueError(f"{path} is no text: it holds bytes of 0; give a text file, gzipped or not")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _kept(match: re.Match[str]) -> str:
    return "" if match[0][0] == "#" else re.sub(r"\s", SPACE, match[0])


def words(text: str) -> Tokens:
    """Words without comments; what stands in quotation marks is one word, its spaces as `SPACE`."""
    if '"' in text or "#" in text:
        text = _QUOTED.sub(_kept, text)
    if _TIGHT.search(text):
        text = _GROUP.sub(r"( \1 )", text)
    return (_GLUED.sub(" ;", text) if _GLUED.search(text) else text).split()


def parts(tokens: Tokens) -> list[Tokens]:
    """A statement cut at its plus signs."""
    cut: list[Tokens] = [[]]
    for token in tokens:
        if token == "+":
            cut.append([])
        else:
            cut[-1].append(token)
    return cut


def keywords(tokens: Tokens, k: int) -> Iterator[tuple[str, int]]:
    """The keywords behind plus signs, and their places."""
    while True:
        try:
            k = tokens.index("+", k) + 1
        except ValueError:
            return
        yield tokens[k].upper(), k


def plain(pin: str) -> str:
    """A pin's name without escapes, its index in square brackets: DEF and LEF may write Q[1] in different ways."""
    return re.sub(r"[<{(\[](\d+)[>})\]]$", r"[\1]", pin.replace("\\", ""))


def count(found: dict[str, int], name: str, by: int = 1) -> None:
    """One more of a kind."""
    found[name] = found.get(name, 0) + by


def sections(text: str, source: str) -> dict[str, list[Tokens]]:
    """Statements of a DEF file by section, those outside of any under "", without extensions and property definitions.

    Raises:
        ValueError: the file is cut off, an entry is in no section, or a section holds another number than it says.
    """
    tokens = words(text)
    found: dict[str, list[Tokens]] = {"": []}
    announced: dict[str, int] = {}
    section, at, ended = "", 0, False
    while at < len(tokens) and not ended:
        word = tokens[at].upper()
        if word == "END":
            ended = [t.upper() for t in tokens[at + 1 : at + 2]] == ["DESIGN"]
            section, at = "", at + 2
            continue
        end = _end(tokens, at, word, source)
        if word in BLOCKS:
            found[""].append([word])
        elif word == "-":
            if section not in found or not section:
                raise ValueError(f"{source}: the entry {' '.join(tokens[at : at + 3])!r} is in no section")
            found[section].append(tokens[at + 1 : end])
        elif end == at + 2 and tokens[at + 1].isdigit() and word not in PLAIN:
            section = word
            announced[section], found[section] = int(tokens[at + 1]), []
        else:
            found[""].append([word, *tokens[at + 1 : end]])
        at = end + 1
    if not ended:
        raise ValueError(f"{source} does not end with END DESIGN: it is cut off, or no DEF file")
    _complete(found, announced, source)
    return found


def _complete(found: dict[str, list[Tokens]], announced: dict[str, int], source: str) -> None:
    for name in SIZED:
        if name in announced and announced[name] != len(found[name]):
            raise ValueError(f"{source}: {name} says {announced[name]} entries, found {len(found[name])}")


def _end(tokens: Tokens, at: int, word: str, source: str) -> int:
    """The last word of a statement, or of a block without entries."""
    if word in BLOCKS:
        for k in range(at + 1, len(tokens)):
            if [t.upper() for t in tokens[k : k + len(BLOCKS[word])]] == BLOCKS[word]:
                return k + len(BLOCKS[word]) - 1
    else:
        try:
            return tokens.index(";", at)
        except ValueError:
            pass
    near = " ".join(tokens[at : at + 4])
    raise ValueError(f"{source} is cut off, or no DEF file: the statement {near!r} has no end")
