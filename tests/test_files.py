"""appnas.files: whole or not at all."""

import pytest
import torch

from appnas.files import digest, load_state, whole


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
