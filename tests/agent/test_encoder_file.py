import dataclasses
import json
import sys

import pytest

from appnas.agent.encoder_file import arch_of, load_encoder, read_encoder, save_encoder, shipped
from appnas.space import IO, WithTraining, describe, full_mask
from appnas.space.restricted import restrict
from appnas.spaces import Bench201, Encoder
from appnas.support import AbsentError, RunError

SPACE = Encoder(channels=(4, 4), width=(4, 6), nodes=2, cells=1, depth=1, norm="group", hidden=16)
ARCH = (1, 0, 3)


@pytest.fixture
def file(tmp_path):
    return save_encoder(tmp_path / "encoder.json", SPACE, ARCH, {"by": "hand", "steps": 7})


def test_it_says_all(file):
    content = json.loads(file.read_text())
    assert content["space"] == {"name": "encoder", "fields": json.loads(json.dumps(dataclasses.asdict(SPACE)))}
    assert content["genotype"] == describe(SPACE.choices, ARCH) and content["found"] == {"by": "hand", "steps": 7}
    assert {"appnas", "torch", "python"} <= set(content["versions"])
    assert load_encoder(file) == load_encoder(str(file)) == load_encoder(file.parent) == (SPACE, ARCH)


@pytest.mark.parametrize("arch", [ARCH, {"normal": ["relu", "conv_3x3", "skip"]}])
def test_a_genotype_in_all_its_forms(file, arch):
    wider = dataclasses.replace(SPACE, width=(8, 8))
    assert arch_of(wider, arch) == arch_of(wider, file) == arch_of(wider, json.loads(file.read_text())) == ARCH
    alone = file.with_name("genotype.json")
    alone.write_text(json.dumps({"normal": ["relu", "conv_3x3", "skip"]}))
    assert arch_of(wider, str(alone)) == ARCH
    with pytest.raises(RunError, match="a genotype and no space: give the space too"):
        load_encoder(alone)


def test_what_restricts_and_trains_a_space_is_left_out(tmp_path):
    narrow = WithTraining(restrict(SPACE, full_mask(SPACE.choices)), {"lr": [0.1, 0.2]})
    assert load_encoder(save_encoder(tmp_path / "a.json", narrow, (*ARCH, 1))) == (SPACE, ARCH)


def test_features_of_a_space_that_does_not_say(tmp_path, file):
    space = Bench201(channels=2, repeats=1)
    save_encoder(tmp_path / "a.json", space, (3, 0, 0, 3, 0, 3), features_dim=24)
    assert read_encoder(tmp_path / "a.json")["features_dim"] == 24
    assert load_encoder(tmp_path / "a.json")[0] == space
    assert "features_dim" not in read_encoder(file)


OWN = """
import dataclasses
from appnas.spaces import Encoder

@dataclasses.dataclass(frozen=True)
class Mine(Encoder):
    more: int = 1

class NoSpace:
    pass

def call():
    raise SystemExit
"""


def test_a_space_of_ones_own(tmp_path, monkeypatch):
    """By its dotted name; one that cannot be imported is told in words, and asked for."""
    (tmp_path / "their_spaces.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    import their_spaces  # type: ignore[import-not-found]

    mine = their_spaces.Mine(nodes=2, more=3)
    save_encoder(tmp_path / "a.json", mine, ARCH)
    assert read_encoder(tmp_path / "a.json")["space"]["name"] == "their_spaces:Mine"
    del sys.modules["their_spaces"]
    loaded, arch = load_encoder(tmp_path / "a.json")
    assert (repr(loaded), arch) == (repr(mine), ARCH)

    @dataclasses.dataclass(frozen=True)
    class Inside(Encoder):
        pass

    save_encoder(tmp_path / "b.json", Inside(nodes=2), ARCH)
    with pytest.raises(AbsentError, match=r"no file can tell, .*Inside\(.*give the space too"):
        load_encoder(tmp_path / "b.json")
    assert arch_of(Inside(nodes=2), tmp_path / "b.json") == ARCH
    for name in ("NoSpace", "call"):
        text = (tmp_path / "a.json").read_text().replace("their_spaces:Mine", f"their_spaces:{name}")
        (tmp_path / "c.json").write_text(text)
        with pytest.raises(AbsentError, match="is no dataclass of spaces"):
            load_encoder(tmp_path / "c.json")
    sys.modules.pop("their_spaces")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.pop("space"), "does not tell|no space"),
        (lambda c: c.update(format=2), "has format 2, and this appnas reads 1: it takes a later appnas"),
        (lambda c: c["space"]["fields"].update(depth=0), "depth"),
        (lambda c: c["space"]["fields"].update(colour="red"), "colour"),
        (lambda c: c["genotype"].update(normal=["relu"]), "3 decisions, got 1"),
        (lambda c: c["genotype"].update(normal=["relu", "relu", "blur"]), "blur"),
        (lambda c: c.update(genotype=[1, 0, 3]), "genotype must be an object"),
    ],
)
def test_a_file_that_does_not_fit_is_named(file, change, words):
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    with pytest.raises(RunError, match=f"encoder.json (is damaged: .*)?({words})"):
        load_encoder(file)


def test_names_that_lead_nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AbsentError, match=r"no encoder's file catch; did you mean 'appnas:catch'\?"):
        load_encoder("catch")
    with pytest.raises(AbsentError, match=r"ships no encoder 'cach'; did you mean 'catch'\?"):
        load_encoder("appnas:cach")
    with pytest.raises(AbsentError, match="no package 'nobodys'"):
        load_encoder("nobodys:net")
    with pytest.raises(AbsentError, match="json ships no encoder 'net'; it has no folder encoders"):
        load_encoder("json:net")
    (tmp_path / "half.json").write_text('{"format": 1')
    with pytest.raises(RunError, match=r"half\.json is damaged"):
        load_encoder("half.json")


def test_a_package_that_ships_encoders(tmp_path, monkeypatch, file):
    (tmp_path / "theirs" / "encoders").mkdir(parents=True)
    (tmp_path / "theirs" / "__init__.py").touch()
    (tmp_path / "theirs" / "encoders" / "net.json").write_text(file.read_text())
    monkeypatch.syspath_prepend(tmp_path)
    assert list(shipped("theirs")) == ["net"] and load_encoder("theirs:net") == (SPACE, ARCH)


@pytest.mark.parametrize("name", shipped("appnas"))
def test_what_appnas_ships(name):
    """Each builds, is small, and tells its curves beside its rivals', at equal steps."""
    space, arch = load_encoder(f"appnas:{name}")
    assert space.build(arch, IO((4, 16, 16), ())) and shipped("appnas")[name].stat().st_size < 4096
    found = read_encoder(f"appnas:{name}")["found"]
    curves = found["compared"]["returns"]
    assert {"found", "ImpalaCNN", "NatureCNN", "random cells"} <= set(curves)
    points = len(found["compared"]["steps"])
    assert points >= 4 and all(len(curve) == points for runs in curves.values() for curve in runs)


def test_appnas_ships_some():
    assert len(shipped("appnas")) >= 2
