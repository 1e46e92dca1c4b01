"""The two-pass reading of `appnas search METHOD FLAGS`."""

from dataclasses import fields

import pytest

from appnas.cli.flags import Options, named, parse
from appnas.methods import METHODS
from appnas.methods.darts import Config
from appnas.spaces import Bench201, Cells


def test_flags_fill_the_three_dataclasses():
    args = "--epochs 3 --alpha-betas 0.1 0.2 --seed 5 --space.ops none skip_connect --space.nodes 2 --domain mnist5k"
    parsed = parse("darts", [*args.split(), "--domain.recipe.lr", "0.5", "--domain.flip", "--out", "some where"])
    assert parsed.config == Config(epochs=3, alpha_betas=(0.1, 0.2))
    assert parsed.space == Cells(ops=("none", "skip_connect"), nodes=2)
    assert (parsed.space_name, parsed.domain_name) == ("cells", "mnist5k")
    assert parsed.domain.recipe.lr == 0.5 and parsed.domain.flip and parsed.domain.crop == 2  # crop: mnist5k's own
    assert parsed.options.seed == 5 and str(parsed.options.out) == "some where"


def test_without_flags_the_papers_settings():
    parsed = parse("darts", [])
    assert (parsed.config, parsed.space, parsed.options) == (Config(), Cells(), Options())


def test_a_table_brings_its_space():
    parsed = parse("random", ["--domain", "bench201:cifar100", "--domain.path", "there"])
    assert parsed.space == Bench201() and parsed.domain.path == "there"


@pytest.mark.parametrize("method", METHODS)
def test_no_setting_of_a_method_hides_another_flag(method):
    general = {field.name for field in fields(Options)} | {"space", "domain"}
    assert not general & {field.name for field in fields(METHODS[method].config)}


@pytest.mark.parametrize(
    ("args", "value"),
    [
        ([], "default"),
        (["--space", "a"], "a"),
        (["--space=a=b"], "a=b"),
        (["--space", "a", "--space", "b"], "b"),
        (["--space.ops", "a"], "default"),
        (["--space"], "default"),
    ],
)
def test_named_reads_one_flag(args, value):
    assert named(args, "--space", "default") == value
