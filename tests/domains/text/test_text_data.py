"""appnas.domains.text.data: tokens of words and characters, layouts of files, named texts, what is missing."""

import gzip
import sys

import pytest

from appnas.domains.text import SMALL, FolderOptions, folder, pydoc, shakespeare
from appnas.domains.text.data import UNKNOWN, HubOptions, corpus, hub, parted, split, wikitext2_small

TINY = {"bptt": 2, "batch": 1, "train_batch": 1, "score_batch": 1}


def text(domain, name):
    return [domain.vocabulary[i] for i in domain._texts[name].tolist()]


def test_words_and_characters():
    assert split(" a b \n\nc\n", "word") == ["a", "b", "<eos>", "<eos>", "c", "<eos>"]
    assert split("a b", "character") == ["a", " ", "b"]


def test_the_vocabulary_is_the_training_texts():
    domain = corpus(["a b a", "b c", "d a"], "word", FolderOptions(**TINY))
    assert domain.vocabulary == ["a", "b", "<eos>", UNKNOWN]
    assert text(domain, "valid") == ["b", UNKNOWN, "<eos>"] and text(domain, "test") == [UNKNOWN, "a", "<eos>"]
    assert corpus(["a <unk>", "b a", "d a"], "word", FolderOptions(**TINY)).vocabulary == ["a", UNKNOWN, "<eos>"]


def test_a_text_of_other_words_is_warned_of():
    """END is known, and what says <unk> itself: 5 of 6 words of one, 1 of 6 of the other."""
    with pytest.warns(
        UserWarning, match=r"^83% of the validation text's words are not in .* <unk>.*level=\"character"
    ) as said:
        corpus(["a b a <unk>", "v w x y z", "c <unk> a b a"], "word", FolderOptions(**TINY))
    assert len(said) == 1
    with pytest.warns(UserWarning, match=r"^100% of the validation text's and 50% of the test text's characters"):
        corpus(["abab", "xyzx", "abyz"], "character", FolderOptions(**TINY))


@pytest.mark.parametrize("layout", ["{}.txt", "ptb.{}.txt", "wiki.{}.tokens", "{}.txt.gz"])
def test_layouts(layout, tmp_path):
    for name in ("train", "valid", "test"):
        data = f"a {name}\n".encode()
        (tmp_path / layout.format(name)).write_bytes(gzip.compress(data) if layout.endswith("gz") else data)
    domain = folder(FolderOptions(path=str(tmp_path), **TINY))
    assert text(domain, "train") == ["a", "train", "<eos>"] and text(domain, "test") == ["a", UNKNOWN, "<eos>"]
    assert domain.catalogue_name == "text"


def test_one_file_is_split(tmp_path):
    (tmp_path / "some.txt").write_text("abcdefghij" * 10)
    domain = folder(FolderOptions(path=str(tmp_path / "some.txt"), level="character", **TINY))
    assert [len(text(domain, name)) for name in ("train", "valid", "test")] == [80, 10, 10]
    assert parted("abcdefghij") == ("abcdefgh", "i", "j")


def test_missing_files_say_so(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="text needs `path`"):
        folder()
    with pytest.raises(FileNotFoundError, match=r"none of train\.txt, ptb\.train\.txt, wiki\.train\.tokens"):
        folder(FolderOptions(path=str(tmp_path)))
    monkeypatch.setenv("APPNAS_DATA", str(tmp_path))
    for make in (shakespeare, wikitext2_small):
        with pytest.raises(FileNotFoundError, match="set APPNAS_DATA"):
            make()


def test_the_hub_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ImportError, match=r"needs the package 'datasets': pip install 'appnas\[text\]'"):
        hub()


def test_the_hub(monkeypatch):
    """Rows of text as the hub gives them; the hub itself is not reached from here."""

    class Datasets:
        @staticmethod
        def load_dataset(dataset, name):
            assert (dataset, name) == ("Salesforce/wikitext", "wikitext-2-raw-v1")
            return {part: {"text": ["a b\n", "", f"{part}\n"]} for part in ("train", "validation", "test")}

    monkeypatch.setitem(sys.modules, "datasets", Datasets)
    domain = hub(HubOptions(**TINY))
    assert text(domain, "train") == ["a", "b", "<eos>", "<eos>", "train", "<eos>"]


def test_what_python_ships():
    domain = pydoc()
    assert len(text(domain, "train")) > 300_000 and len(domain.vocabulary) > 80
    assert domain.io.inputs == (35,) and domain.options == SMALL


def test_files_named_by_the_environment(data, monkeypatch):
    monkeypatch.setenv("APPNAS_DATA", str(data))
    domain = shakespeare()
    assert [len(domain._texts[name]) for name in ("train", "valid", "test")] == [892_315, 111_539, 111_540]
    assert len(domain.vocabulary) == 66  # 65 characters and <unk>
    domain = wikitext2_small()
    assert len(domain._texts["train"]) == 217_646
    assert len(domain._texts["valid"]) + len(domain._texts["test"]) == 245_569
