"""A Stable-Baselines3 agent whose encoder is searched, then derived and used: one argument changes.

    python examples/swap_encoder.py                           # pixel Catch, PPO: about two minutes
    python examples/swap_encoder.py --agent dqn
    python examples/swap_encoder.py --game coinrun --steps 300000
    python examples/swap_encoder.py --quick

The loop is Stable-Baselines3's own, unchanged. Needs: pip install 'appnas[rl]'.
"""

import argparse

import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.vec_env import VecMonitor

from appnas.agent import ArchCallback, make_policy_kwargs, swap_encoder
from appnas.domains.rl import Catch, CatchOptions, Procgen, ProcgenOptions
from appnas.spaces import Encoder
from appnas.spaces.rl import ImpalaCNN

SETTINGS = {
    "ppo": {"n_steps": 32, "batch_size": 256, "n_epochs": 3, "learning_rate": 1e-3, "gamma": 0.99, "ent_coef": 0.01},
    "dqn": {"learning_starts": 1000, "batch_size": 64, "learning_rate": 1e-3, "exploration_fraction": 0.3,
            "target_update_interval": 1000, "buffer_size": 20_000, "train_freq": 1},
}  # fmt: skip


def main() -> None:
    """Hand-made, supernet, derived."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--agent", choices=["ppo", "dqn"], default="ppo")
    parser.add_argument("--game", default="", help="of Procgen, at 32 x 32 pixels; without it, pixel Catch")
    parser.add_argument("--steps", type=int, default=61_440)
    parser.add_argument("--scale", type=float, default=5.0, help="learning rate of the logits, in multiples")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    steps = 2048 if args.quick else args.steps
    torch.set_num_threads(1)

    domain = Procgen(ProcgenOptions(game=args.game, shrink=2)) if args.game else Catch(CatchOptions())
    # norm="group": the agent acts alike on one frame and on many, with the paper's "batch" it does not
    space = Encoder(channels=(8, 8), width=(8, 8), nodes=3, cells=1, depth=1, hidden=64, norm="group")
    kind = {"ppo": PPO, "dqn": DQN}[args.agent]

    def agent(policy_kwargs: dict) -> PPO | DQN:
        env = VecMonitor(domain.make("train", 32, seed=0))
        return kind("CnnPolicy", env, policy_kwargs=policy_kwargs, seed=0, device="cpu", **SETTINGS[args.agent])

    def reached(model: PPO | DQN) -> float:
        episodes = model.ep_info_buffer or [{"r": float("nan")}]
        return sum(float(episode["r"]) for episode in episodes) / len(episodes)

    hand_made = agent(make_policy_kwargs(lambda io: ImpalaCNN(io, (8, 8), 64))).learn(steps)
    print(f"hand-made: mean return of the last 100 training episodes {reached(hand_made):.2f}")

    watch = ArchCallback(out="encoder.json")
    searching = agent(make_policy_kwargs(space, scale=args.scale)).learn(steps, callback=watch)  # the one argument
    print(f"supernet:  {reached(searching):.2f}; found {watch.genotype}")

    derived = agent(make_policy_kwargs("encoder.json")).learn(steps)
    print(f"derived:   {reached(derived):.2f}")

    wider = Encoder(channels=(8, 8), width=(16, 32), nodes=3, cells=1, depth=2, hidden=64, norm="group")
    swapped = swap_encoder(hand_made, wider, "encoder.json")  # an agent you have already: same settings, new encoder
    print(f"wider:     {sum(p.numel() for p in swapped.policy.parameters()):,} weights, ready to learn")


if __name__ == "__main__":
    main()
