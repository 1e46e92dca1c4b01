"""appnas.support.files: whole or not at all."""

import errno
import os

import pytest
import torch

from appnas.support import digest, load_state, room, whole
from appnas.support.files import RoomError


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    file = tmp_path / "x.json"
    with whole(file) as partial:
        partial.write_text("1")
        assert not file.exists()
    assert file.read_text() == "1" and list(tmp_path.iterdir()) == [file]
    with pytest.raises(RuntimeError), whole(file) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert file.read_text() == "1"


def test_a_digest_tells_data_of_equal_sums_apart():
    x = torch.arange(6.0)
    other = [x.flip(0), x.reshape(2, 3), x.int(), x.double()]
    assert digest("a", x) == digest("a", x.clone()) and len({digest("a", y) for y in [x, *other]}) == 5
    assert digest("a", "bc") != digest("ab", "c")


def test_a_damaged_state_is_named(tmp_path):
    file = tmp_path / "x.pt"
    torch.save({"a": torch.ones(3), "b": [1, "two"]}, file)
    state = load_state(file, "delete it")
    assert torch.equal(state["a"], torch.ones(3)) and state["b"] == [1, "two"]
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(KeyError, match=r"x\.pt is damaged \(.*\): delete it"):
        load_state(file, "delete it", KeyError)


def test_a_full_disk_names_the_file_and_what_is_safe(tmp_path):
    for number, words in ((errno.ENOSPC, "the disk is full"), (errno.EFBIG, "larger than files may be")):
        with pytest.raises(RoomError, match=rf"a\.txt cannot be written: .*{words}.*; all is safe$"):
            with room(tmp_path / "a.txt", "all is safe"):
                raise OSError(number, os.strerror(number))
    with pytest.raises(RoomError, match="what it held before is safe"), room(tmp_path / "a.pt"):
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0")
    for other in (PermissionError(errno.EACCES, "no"), RuntimeError("else")):
        with pytest.raises(type(other)) as caught, room(tmp_path / "a.txt"):
            raise other
        assert caught.value is other


def test_a_folder_that_was_deleted_is_told(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with pytest.raises(RoomError, match=r"run was deleted or moved while it was written to, and a\.txt could"):
        with whole(folder / "a.txt") as partial:
            folder.rmdir()
            partial.write_text("x")


def test_no_half_file_is_left_on_a_full_disk(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("before")
    with pytest.raises(RoomError), whole(file) as partial:
        partial.write_text("aft")
        raise OSError(errno.ENOSPC, "full")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"] and file.read_text() == "before"
