import copy

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")

from appnas.domains.rl import Catch, CatchOptions
from appnas.domains.rl import agent as module
from appnas.task import DivergedError
from appnas.testing import identical, round_trip

OPTIONS = {
    "ppo": CatchOptions(envs=4, rollout=16, batch=32, epochs=2, side=8, normalise=True),
    "dqn": CatchOptions(
        algorithm="dqn", envs=4, rollout=16, batch=32, side=8, warmup=64, every=2, target=64, replay=150
    ),
    "dqn, scaled n-step returns": CatchOptions(
        algorithm="dqn",
        envs=4,
        rollout=16,
        batch=32,
        side=8,
        warmup=64,
        every=2,
        updates=2,
        n_steps=3,
        target=64,
        replay=150,
        normalise=True,
    ),
}


def network(outputs):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, outputs))


@pytest.fixture(params=OPTIONS)
def domain(request):
    return Catch(OPTIONS[request.param])


def test_the_network_is_the_whole_agent(domain):
    """No layer besides the network; DQN's target is a copy of it."""
    net = network(domain.io.outputs[0])
    agent = domain.host(net, 640)
    inside = {id(p) for p in net.parameters()}
    policy = agent.model.policy
    mine = [p for p in policy.parameters() if id(p) in inside]
    assert len(mine) == len(inside) == len(agent.optimiser.param_groups[0]["params"])
    target = [p for p in policy.parameters() if id(p) not in inside]
    assert len(target) == (len(inside) if domain.options.algorithm == "dqn" else 0)
    assert agent.iteration == 64 and agent.steps == 0
    frames = domain.example(3)[0]
    if domain.options.algorithm == "ppo":
        values, scores = policy.predict_values(frames * 255), policy.get_distribution(frames * 255).distribution.logits
        torch.testing.assert_close(values, net(frames)[:, 3:])
        torch.testing.assert_close(scores, net(frames)[:, :3].log_softmax(-1))
    else:
        torch.testing.assert_close(policy.q_net(frames * 255), net(frames))


def test_a_resumed_agent_is_the_same_bit_for_bit(domain):
    whole = domain.host(network(domain.io.outputs[0]), 640, seed=3)
    for _ in range(3):
        whole.advance()
    saved = round_trip(whole.state_dict())
    after = [whole.advance() for _ in range(3)]
    np.random.seed(5)
    torch.manual_seed(5)
    other = domain.host(network(domain.io.outputs[0]), 640, seed=9)
    other.load_state_dict(saved)
    assert identical([other.advance() for _ in range(3)], after)
    assert identical(round_trip(other.state_dict()), round_trip(whole.state_dict()))


def test_a_state_without_a_generator_of_a_device_is_gone_on_from(domain):
    """As versions wrote it that knew none."""
    agent = domain.host(network(domain.io.outputs[0]), 640, seed=3)
    agent.advance()
    state = agent.state_dict()
    assert "device" not in state["random"] and agent.model.device == torch.device("cpu")
    other = domain.host(network(domain.io.outputs[0]), 640, seed=9)
    other.load_state_dict(round_trip(state))
    assert identical(other.advance(), agent.advance())


def test_randomness_outside_is_neither_used_nor_touched(domain):
    runs = []
    for outside in (1, 2):
        torch.manual_seed(outside)
        np.random.seed(outside)
        before = torch.get_rng_state(), np.random.get_state()[1].copy()
        net = network(domain.io.outputs[0])
        torch.set_rng_state(before[0])
        agent = domain.host(net, 640)
        runs.append([agent.advance() for _ in range(3)])
        assert torch.equal(torch.get_rng_state(), before[0]) and (np.random.get_state()[1] == before[1]).all()
    assert identical(*runs)


def test_schedules_end_with_the_whole_budget():
    agent = Catch(OPTIONS["dqn"]).host(network(3), 640)
    rates = []
    for _ in range(5):
        agent.advance()
        rates.append(agent.model.exploration_rate)
    assert rates[0] == pytest.approx(1 - 0.95 * (64 - 4) / (0.3 * 640), abs=0.02) and rates[-1] == 0.05


def test_checkpoints(domain, tmp_path, monkeypatch):
    """Killed after some iterations and fitted again: the same network; another training is refused."""
    monkeypatch.setattr(module, "EVERY", 0.0)
    plain = network(domain.io.outputs[0])
    domain.fit(plain, 300, seed=1)
    seen = []

    def stop(steps, loss):
        seen.append(steps)
        if steps > 128:
            raise KeyboardInterrupt

    file, again = tmp_path / "agent.pt", network(domain.io.outputs[0])
    with pytest.raises(KeyboardInterrupt):
        domain.fit(copy.deepcopy(again), 300, seed=1, checkpoint=file, on_epoch=stop)
    domain.fit(again, 300, seed=1, checkpoint=file, on_epoch=lambda steps, loss: seen.append(steps))
    assert seen == [64, 128, 192, 128, 192, 256, 300] and not again.training
    assert identical(again.state_dict(), plain.state_dict())
    with pytest.raises(ValueError, match="another training"):
        domain.fit(again, 300, seed=2, checkpoint=file)


def test_a_diverged_training_says_so():
    domain = Catch(OPTIONS["ppo"])
    net = network(4)
    with torch.no_grad():
        net[1].weight[0, 0] = float("nan")
    with pytest.raises(DivergedError, match=r"1\.weight holds NaN"):
        domain.fit(net, 64)


def test_no_value_before_an_episode_ends():
    agent = Catch(CatchOptions(envs=2, rollout=4, batch=8, epochs=1, side=16)).host(
        nn.Sequential(nn.Flatten(), nn.Linear(256, 4)), 64
    )
    assert np.isnan(agent.advance()["value"])
