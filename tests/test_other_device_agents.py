"""Agents on a device on paper: no mixture, the CPU's numbers, and going on from one device to the other."""

import copy

import pytest
import torch
from device_fixtures import on_cpu
from torch import nn

import appnas
from appnas.compute import CPU, home
from appnas.domains.rl import Catch, CatchOptions
from appnas.spaces import Encoder
from appnas.supernet import plain

OPTIONS = {
    "ppo": CatchOptions(envs=4, rollout=8, batch=16, epochs=2, side=8, normalise=True, episodes=4),
    "dqn": CatchOptions(
        algorithm="dqn", envs=4, rollout=8, batch=16, side=8, warmup=32, every=2, target=32, replay=100, episodes=4
    ),
}
SPACE = Encoder(nodes=2, channels=(2, 2), cells=1, width=(2, 2), depth=1, hidden=8)


def network(outputs):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, outputs))


def same(first, second):
    torch.testing.assert_close(on_cpu(first), on_cpu(second), rtol=1e-5, atol=1e-6, equal_nan=True)


def advanced(agent, count=3):
    return [agent.advance() for _ in range(count)][-1]


@pytest.mark.parametrize("name", OPTIONS)
def test_an_agent_goes_on_there_and_elsewhere(name, other):
    """PPO draws its actions on the device, from a generator of its own there: what begins there is another agent."""
    domain = Catch(OPTIONS[name])
    here, there = network(domain.io.outputs[0]), network(domain.io.outputs[0]).to(other.device)
    agents = [domain.host(net, 512, seed=3) for net in (here, there)]
    found = [advanced(agent) for agent in agents]
    assert home(there) == other.device == agents[1].model.device
    if name == "dqn":  # which draws on the CPU alone
        same(*found)
        same(list(here.parameters()), list(there.parameters()))
    for agent, device in zip(agents, (CPU, other.device), strict=True):
        state = copy.deepcopy(on_cpu(agent.state_dict()))
        again = domain.host(network(domain.io.outputs[0]).to(device), 512, seed=1)
        again.load_state_dict(copy.deepcopy(state))
        elsewhere = domain.host(
            network(domain.io.outputs[0]).to(CPU if agent is agents[1] else other.device), 512, seed=1
        )
        elsewhere.load_state_dict(copy.deepcopy(state))
        wanted = agent.advance()
        same(wanted, again.advance())
        assert elsewhere.advance().keys() == wanted.keys() and elsewhere.steps == agent.steps


def test_what_a_network_plays_is_drawn_on_the_cpu(other):
    for name, options in OPTIONS.items():
        domain = Catch(options)
        net = network(domain.io.outputs[0])
        wanted = domain.score(net), domain.test(net)
        assert (domain.score(net.to(other.device)), domain.test(net)) == wanted, name


@pytest.mark.filterwarnings("ignore::appnas.loop.CollapseWarning")
@pytest.mark.parametrize("name", OPTIONS)
def test_a_search_in_an_agent_and_what_it_found(name, other, tmp_path):
    domain = Catch(OPTIONS[name])
    asked = {"method": "rl_darts", "steps": 96, "scale": 3.0}
    found = appnas.search(SPACE, domain, **asked, device="other", out=tmp_path / "run")
    if name == "dqn":
        with plain():
            wanted = appnas.search(SPACE, domain, **asked, device="cpu")
        assert [r.arch for r in found.history] == [r.arch for r in wanted.history] and found.best == wanted.best
        same([dict(r.metrics) for r in found.history], [dict(r.metrics) for r in wanted.history])
    again = appnas.resume(tmp_path / "run", space=SPACE, domain=domain, device="cpu")
    assert again.best == found.best
    trained = found.retrain(32)
    assert home(trained.model) == other.device
    assert (
        found.retrain(32, device="cpu", out=tmp_path / "here").rows[0].tests[0].keys()
        == trained.rows[0].tests[0].keys()
    )
