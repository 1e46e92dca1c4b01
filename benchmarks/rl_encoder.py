"""What an RL-DARTS supernet costs beside IMPALA's encoder: CPU time of a forward and a backward pass, and of an agent.

    python benchmarks/rl_encoder.py               # about four minutes
    python benchmarks/rl_encoder.py --agent       # and environment steps a second of PPO on Procgen

All networks of a table are timed in one process, in turns; ratios are of the best of several. One thread. What runs a
sample of its options is timed on the same samples each time, drawn from even logits: of each the best, then the mean.
"""

import argparse
import time
from functools import partial

import torch

from appnas.cost.timing import machine
from appnas.domains.rl import Procgen, ProcgenOptions
from appnas.space import IO, constant_arch
from appnas.spaces import Encoder
from appnas.spaces.rl import CLASSIC_OPS, ImpalaCNN
from appnas.supernet import SelfGated, SelfSampled, softmax
from appnas.support import seeded

IMPALA, SAMPLES = "IMPALA 16,32,32", 8


class FirstLayout(torch.nn.Module):
    """A network with its weights and maps channels first, as Stable-Baselines3 hands frames over."""

    def __init__(self, network):
        super().__init__()
        self.network = network.to(memory_format=torch.contiguous_format)

    def forward(self, x):
        for stage in self.network.stages:
            for part in stage:
                x = part(x)
        return self.network.output(self.network.hidden(x.relu().flatten(1)).relu())


def networks(io):
    def supernet(space):
        return SelfGated(space, space.supernet(io), softmax)

    def sampled(space, net, paths=1):
        return SelfSampled(space, net.supernet, softmax, torch.Generator().manual_seed(0), paths)

    micro, classic = Encoder(), Encoder("classic")
    both = {micro: supernet(micro), classic: supernet(classic)}
    return {
        IMPALA: ImpalaCNN(io),
        "the same, channels first": FirstLayout(ImpalaCNN(io)),
        "Micro supernet, 4 nodes": both[micro],
        "Micro supernet, 4 nodes, sampled": sampled(micro, both[micro]),
        "Micro supernet, 4 nodes, sampled, 2 paths": sampled(micro, both[micro], 2),
        "Micro supernet, 1 node": supernet(Encoder(nodes=1)),
        "Classic supernet, 4 nodes": both[classic],
        "Classic supernet, 4 nodes, sampled": sampled(classic, both[classic]),
        "Classic supernet, 4 nodes, sampled, 2 paths": sampled(classic, both[classic], 2),
        "Classic supernet, 1 node": supernet(Encoder("classic", nodes=1)),
        "Classic's operations in Micro's frame, 4 nodes": supernet(Encoder(ops=CLASSIC_OPS)),
        "derived, all conv_3x3, 16,16,16": Encoder(width=(16, 16, 16)).build(constant_arch(micro, "conv_3x3"), io),
        "Micro's frame alone (skips)": supernet(Encoder(ops=("skip", "zero"), norm="none")),
        "the frame and its convolutions": supernet(Encoder(ops=("conv_3x3", "zero"), norm="none")),
    }


def step(network, x):
    """CPU seconds of a pass; of sampled gates, of a pass under each of several samples."""
    sampled = isinstance(network, SelfSampled)
    if sampled:
        network.random.copy_(torch.Generator().manual_seed(0).get_state())
    found = []
    for _ in range(SAMPLES if sampled else 1):
        if sampled:
            network.draw()
        start = time.process_time()
        network.zero_grad(set_to_none=True)
        network(x).pow(2).sum().backward()
        found.append(time.process_time() - start)
    return found


def agent(args, name, make):
    """Environment steps a CPU second of whole iterations of PPO."""
    options = ProcgenOptions(envs=64, rollout=args.rollout, batch=512, epochs=3)
    domain = Procgen(options)
    host = domain.host(seeded(0, make), 10**9)
    host.advance()
    start = time.process_time()
    host.advance()
    rate = host.iteration / (time.process_time() - start)
    host.close()
    print(f"  {name:48} {rate:7.0f} steps a CPU s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rollout", type=int, default=16, help="of the agent's 64 environments")
    parser.add_argument("--agent", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    io = IO((3, args.side, args.side), (16,))
    made, x = networks(io), torch.rand(args.batch, 3, args.side, args.side)
    times = {name: [] for name in made}
    for repeat in range(args.repeats + 1):
        for name, network in made.items():
            seconds = step(network, x)
            times[name] += [seconds] if repeat else []
    best = {name: sum(map(min, zip(*found, strict=True))) / len(found[0]) for name, found in times.items()}
    print(machine())
    print(f"forward and backward, {args.batch} frames of {args.side} x {args.side}; best of {args.repeats}")
    for name, seconds in best.items():
        print(f"  {name:48} {1e3 * seconds:8.1f} CPU ms   ratio {seconds / best[IMPALA]:6.2f}")
    if args.agent:
        print(f"PPO on coinrun, 64 environments x {args.rollout} steps, batch 512, 3 epochs, 64 x 64")
        micro = Encoder()
        agent(args, IMPALA, partial(ImpalaCNN, io))
        agent(args, "Micro supernet, 4 nodes", lambda: SelfGated(micro, micro.supernet(io), softmax))
        generator = torch.Generator().manual_seed(0)
        agent(args, "the same, sampled", lambda: SelfSampled(micro, micro.supernet(io), softmax, generator))


if __name__ == "__main__":
    main()
