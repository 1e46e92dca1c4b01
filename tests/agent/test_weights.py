import copy

import pytest
import torch

pytest.importorskip("sb3_contrib", reason="the extra `rl` is not installed")

from safetensors.torch import save_file
from stable_baselines3 import DQN, PPO, SAC
from test_agents_alone import ARCH, SPACE, agent

from appnas.agent import encoder_of, make_policy_kwargs, save_weights
from appnas.spaces.rl import ImpalaCNN

OTHER = (1, 2, 3)
"""Of ARCH's shapes: operations without weights differ."""


def made(arch=ARCH, **more):
    return make_policy_kwargs(SPACE, arch, **more)


def same(one, other):
    return all(map(torch.equal, encoder_of(one).state_dict().values(), encoder_of(other).state_dict().values()))


@pytest.mark.parametrize("kind", [PPO, DQN, SAC])
def test_a_file_of_weights_for_another_agent(kind, tmp_path):
    """Also of weights that lie channels last, which safetensors refuses; all networks of the agent begin with them."""
    source = agent(kind, made())
    encoder_of(source).to(memory_format=torch.channels_last)
    with pytest.raises(ValueError, match="contiguous"):
        save_file(encoder_of(source).state_dict(), tmp_path / "refused.safetensors")
    file = save_weights(source, tmp_path / "encoder.safetensors")
    assert [path.name for path in tmp_path.iterdir()].count("encoder.safetensors") == 1
    for given in (file, str(file)):
        assert same(source, agent(kind, made(weights=given), seed=5))
    twice = agent(kind, made(weights=file), seed=5)
    extractors = [m.network for m in twice.policy.modules() if hasattr(m, "network")]
    assert all(map(torch.equal, x.state_dict().values(), encoder_of(source).state_dict().values()) for x in extractors)


def test_weights_of_another_genotype_are_refused(tmp_path):
    """Operations without weights leave no other trace. Supernets and hand-made encoders have no genotype."""
    file = save_weights(agent(PPO, made()), tmp_path / "encoder.safetensors")
    with pytest.raises(ValueError, match=r"of another genotype, \{'normal': .*give that one as arch"):
        made(OTHER, weights=file)
    for kwargs in (make_policy_kwargs(SPACE), make_policy_kwargs(ImpalaCNN)):
        model = agent(PPO, kwargs)
        file = save_weights(model, tmp_path / "other.safetensors")
        encoder = kwargs["features_extractor_kwargs"]["encoder"]
        assert same(model, agent(PPO, make_policy_kwargs(encoder, weights=file), seed=5))


def test_what_are_no_weights(tmp_path):
    """The message has the file's name, and what would do."""
    state = encoder_of(agent(PPO, made())).state_dict()
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"w\.pt' is no file of safetensors .*save_weights.*torch\.load"):
        made(weights=tmp_path / "w.pt")
    with pytest.raises(FileNotFoundError, match="nothere"):
        made(weights="nothere.safetensors")
    for wrong in (5, [state], {"policy": state}):
        with pytest.raises(ValueError, match=r"weights are encoder_of\(agent\)\.state_dict\(\), or a file"):
            made(weights=wrong)


@pytest.mark.parametrize("kind", [PPO, DQN, SAC])
def test_an_agent_with_given_weights_is_saved_with_its_own_alone(kind, tmp_path):
    """It loads with the same policy_kwargs; those that were given stay as they are."""
    kwargs = made(weights=encoder_of(agent(kind, made())).state_dict())
    before = copy.copy(kwargs["features_extractor_kwargs"])
    model = agent(kind, kwargs, seed=5).learn(8)
    assert model.policy_kwargs["features_extractor_kwargs"]["training"].weights is None
    assert kwargs["features_extractor_kwargs"] == before and before["training"].weights is not None
    model.save(tmp_path / "agent.zip")
    for more in ({}, {"policy_kwargs": kwargs}):
        assert same(model, kind.load(tmp_path / "agent.zip", device="cpu", **more))
