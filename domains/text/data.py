"""Named texts: what Python itself ships, files in APPNAS_DATA, a folder, the Hugging Face hub."""

from __future__ import annotations

import gzip
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from appnas.domains.data_files import data_file, missing
from appnas.domains.text.domain import RECIPE, Options, Text

UNKNOWN, END = "<unk>", "<eos>"
MOST_UNKNOWN = 0.4
"""Share of a text's tokens that may be unknown without a word. By words it is 0.09 to 0.13 in Shakespeare, 0.2 to 0.26
in 50,000 letters of him."""
SMALL = Options(
    batch=32, train_batch=32, score_batch=32, test_batch=32, epochs=10, recipe=replace(RECIPE, lr=5.0, lr_min=5.0)
)
"""For texts of a megabyte or less."""


@dataclass(frozen=True)
class FolderOptions(Options):
    """Options of texts in files."""

    path: str = ""
    """A folder with train, valid and test files in the layout of Penn Treebank or WikiText-2, or one text file."""
    level: Literal["word", "character"] = "word"
    """What a token is: a word between blanks, with one more at a line's end, or a character."""


@dataclass(frozen=True)
class HubOptions(Options):
    """Options of a text data set of the Hugging Face hub."""

    dataset: str = "Salesforce/wikitext"
    """Name on the hub."""
    name: str = "wikitext-2-raw-v1"
    """The data set's configuration."""
    column: str = "text"
    """Column of the text."""
    level: Literal["word", "character"] = "word"
    """What a token is: a word between blanks, with one more at a line's end, or a character."""


def split(text: str, level: str) -> list[str]:
    """A text as tokens: characters, or the words of every line with an end after them."""
    if level == "character":
        return list(text)
    return [word for line in text.splitlines() for word in (*line.split(), END)]


def corpus(texts: Iterable[str], level: str, options: Options) -> Text:
    """Texts to train, validate and test on as a domain. The vocabulary is the first one's, and `<unk>` for all else.

    Warns where that is more than `MOST_UNKNOWN` of the second or the third.
    """
    train, valid, test = (split(text, level) for text in texts)
    names = list(dict.fromkeys(train))
    if UNKNOWN not in names:
        names.append(UNKNOWN)
    _note_unknown({"validation": valid, "test": test}, names, level)
    return Text(numbered(train, names), numbered(valid, names), numbered(test, names), names, options)


def _note_unknown(texts: dict[str, list[str]], vocabulary: list[str], level: str) -> None:
    """Warn of texts that have little in common with the one trained on; what says `<unk>` itself is known."""
    known = set(vocabulary)
    shares = {
        name: sum(token not in known for token in tokens) / len(tokens) for name, tokens in texts.items() if tokens
    }
    if most := [f"{share:.0%} of the {name} text's" for name, share in shares.items() if share > MOST_UNKNOWN]:
        what, remedy = ("characters", "see that all three are of one language, in UTF-8")
        if level == "word":
            what = "words"
            remedy = f'train on more text, write rare words as {UNKNOWN} in all three, or take level="character"'
        warnings.warn(
            f"{' and '.join(most)} {what} are not in the training text and count as {UNKNOWN}: a network scores well by"
            f" saying that alone; {remedy}",
            stacklevel=4,
        )


def numbered(tokens: Iterable[str], vocabulary: list[str]) -> Tensor:
    """Tokens by their numbers in a vocabulary that has `<unk>`. Shapes: returns [N], int64."""
    number = {name: i for i, name in enumerate(vocabulary)}
    return torch.tensor([number.get(token, number[UNKNOWN]) for token in tokens])


def parted(text: str) -> tuple[str, str, str]:
    """The first 80 % of a text to train on, the next 10 % to validate, the last 10 % held out."""
    first, second = len(text) * 8 // 10, len(text) * 9 // 10
    return text[:first], text[first:second], text[second:]


def pydoc(options: Options = SMALL) -> Text:
    """The Python Language Reference as the standard library holds it for `help()`, character by character.

    About 0.5 million characters of prose and code, on every machine with Python. Its words change from one version
    of Python to the next: compare figures of one version.
    """
    topics = import_module("pydoc_data.topics").topics
    return corpus(parted("\n\n".join(topics[name] for name in sorted(topics))), "character", options).named("pydoc")


def shakespeare(options: Options = SMALL) -> Text:
    """Tiny Shakespeare, 1.1 million characters, from tinyshakespeare/input.txt.gz in APPNAS_DATA.

    Raises:
        FileNotFoundError: no such file.
    """
    return corpus(parted(read(data_file("tinyshakespeare", "input.txt.gz"))), "character", options).named("shakespeare")


def wikitext2_small(options: Options = SMALL) -> Text:
    """The validation text of WikiText-2 (217,646 words) to train on, from wikitext2_small in APPNAS_DATA.

    The first half of its test text validates, the second is held out: no figure compares with those of WikiText-2.

    Raises:
        FileNotFoundError: no such file.
    """
    train, rest = (read(data_file("wikitext2_small", f"{name}.txt.gz")) for name in ("valid", "test"))
    lines = rest.splitlines(keepends=True)
    half = len(lines) // 2
    return corpus([train, "".join(lines[:half]), "".join(lines[half:])], "word", options).named("wikitext2_small")


def folder(options: FolderOptions = FolderOptions()) -> Text:
    """Texts in files: train, valid and test as *.txt, ptb.*.txt or wiki.*.tokens, or one file that is split here.

    Raises:
        ValueError: no path.
        FileNotFoundError: no such file, or a folder without one of the three.
    """
    if not options.path:
        raise ValueError("text needs `path`: a folder with train, valid and test files, or one text file")
    path = Path(options.path).absolute()
    options = replace(options, path=str(path))
    if not path.is_dir():
        return corpus(parted(read(path)), options.level, options).named("text")
    texts = (read(_file(path, part)) for part in ("train", "valid", "test"))
    return corpus(texts, options.level, options).named("text")


LAYOUTS = ("{}.txt", "ptb.{}.txt", "wiki.{}.tokens", "{}.txt.gz")


def _file(folder: Path, part: str) -> Path:
    names = [layout.format(part) for layout in LAYOUTS]
    for name in names:
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"{folder} has none of {', '.join(names)}")


def read(path: Path) -> str:
    """A file's text in UTF-8, with or without a byte order mark, unpacked if it ends in .gz.

    Raises:
        ValueError: another encoding.
    """
    data = path.read_bytes()
    try:
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no UTF-8 ({error}): iconv -f latin1 -t utf-8, or whatever it is in") from error


def hub(options: HubOptions = HubOptions()) -> Text:
    """A text data set of the Hugging Face hub with the splits train, validation and test, online.

    Raises:
        ImportError: the package `datasets` is not installed.
    """
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise missing("datasets", "text") from error
    data = load_dataset(options.dataset, options.name or None)
    texts = (
        "\n".join(row.rstrip("\n") for row in data[name][options.column]) for name in ("train", "validation", "test")
    )
    return corpus(texts, options.level, options).named("text_hub")
