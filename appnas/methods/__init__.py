"""One paper, one file: a frozen Config with the paper's numbers, and search(space, domain, config).

`METHODS` is the catalogue; a method adds its line here and its row to docs/methods/index.md.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from appnas.methods import (
    agnn,
    bananas,
    baselines,
    ctnas,
    darts,
    fewshot,
    freenas,
    gcn_fit,
    hyperband,
    local_search,
    mnasnet,
    monas,
    nao,
    nsga2,
    optuna_sampler,
    radars,
    reinforce,
    rl_darts,
    rlnas,
    routability,
    two_temperature,
    unas,
    zarts,
    zerocost,
)


class Memory(NamedTuple):
    """Peak memory of a search with a supernet.

    Attributes:
        passes: peak of a step's tensors, in peaks of one forward and backward pass of the whole supernet on a batch.
        supernets: how many are held at once, each with its weights, gradients and momentum.
    """

    passes: float = 1.0
    supernets: int = 1


class Method(NamedTuple):
    """What a method is and asks for, on the three axes of the survey (arXiv 1808.05377).

    Attributes:
        search: (space, domain, config, *, seed, callbacks) -> SearchResult.
        config: its dataclass.
        paper: title, authors' short form and arXiv id.
        strategy: how it moves through the space.
        estimation: how it judges an architecture.
        needs: "gates" for a differentiable domain and a supernet, "agent" for a domain whose own training loop trains
            the supernet, "data" for any domain with data, "scores" for any domain or table.
        memory: (space, config) -> peak memory of a search, which `appnas.testing.MethodSuite` compares with what is
            measured; None where the method keeps a budget of its own.
        members: of a space that it uses, besides `build` and `supernet`.
        paths: settings under which it asks a supernet for single paths alone, so that options need not be mixed; None
            if it always mixes them. Methods that need scores have supernets of single paths, if any.
    """

    search: Callable[..., Any]
    config: type
    paper: str
    strategy: str
    estimation: str
    needs: Literal["gates", "agent", "data", "scores"]
    memory: Callable[[Any, Any], Memory | None] = lambda space, config: Memory()
    members: tuple[str, ...] = ("choices", "mask", "valid", "discretise")
    paths: Mapping[str, Any] | None = None


METHODS: dict[str, Method] = {
    "darts": Method(
        darts.search, darts.Config, "DARTS: Differentiable Architecture Search (arXiv 1806.09055)",
        "gradient, bilevel", "weight sharing, mixture", "gates",
        lambda space, config: Memory(darts.passes(config)),
    ),
    "unas": Method(
        unas.search, unas.Config,
        "UNAS: Differentiable Architecture Search Meets Reinforcement Learning (arXiv 1912.07651)",
        "policy gradient with relaxed control variate", "weight sharing, sampled", "gates",
        lambda space, config: Memory(2.4 if config.gap else 1.2),
    ),
    "zarts": Method(
        zarts.search, zarts.Config,
        "ZARTS: On Zero-order Optimization for Neural Architecture Search (arXiv 2110.04743)",
        "zero order, bilevel", "weight sharing, candidates trained", "gates",
        lambda space, config: Memory(1.5),
    ),
    "rl_darts": Method(
        rl_darts.search, rl_darts.Config,
        "RL-DARTS: Differentiable Architecture Search for Reinforcement Learning (arXiv 2106.02229)",
        "gradient, joint with the agent", "the agent's own return, mixture", "agent",
    ),
    "two_temperature": Method(
        two_temperature.search, two_temperature.Config,
        "Differentiable Architecture Pruning for Transfer Learning (arXiv 2107.03375)",
        "gradient, two temperatures", "weight sharing, masked", "gates", lambda space, config: Memory(1.2),
    ),
    "radars": Method(
        radars.search, radars.Config,
        "RADARS: Memory Efficient Reinforcement Learning Aided Differentiable NAS (arXiv 2109.05691)",
        "reinforcement learning that prunes, then gradient", "single paths, then weight sharing", "gates",
        lambda space, config: None,
    ),
    "fewshot": Method(
        fewshot.search, fewshot.Config, "Few-shot Neural Architecture Search (arXiv 2006.06863)",
        "evolution, random or reinforcement learning", "weight sharing in parts of the space, single paths", "gates",
        lambda space, config: Memory(0.7, 1 + fewshot.count(space, config.split)), paths={},
    ),
    "freenas": Method(
        freenas.search, freenas.Config,
        "FreeNAS: Differentiable Architecture Search Without Training Nor Labels (arXiv 2106.11542)",
        "saliency of gates, pruning", "proxies at initialisation", "gates",
        lambda space, config: Memory({"snip": 1.1, "grasp": 3.5}.get(config.proxy, 0.2)),
    ),
    "rlnas": Method(
        rlnas.search, rlnas.Config, "RLNAS: Neural Architecture Search with Random Labels (arXiv 2101.11834)",
        "evolution", "weight sharing, single paths; the angle of the weights", "gates",
        lambda space, config: Memory(0.7), paths={"indicator": "score"},
    ),
    "zerocost": Method(
        zerocost.search, zerocost.Config, "Zero-Cost Proxies for Lightweight NAS (arXiv 2101.08134)",
        "random or evolution", "proxies at initialisation, then training from scratch", "data",
    ),
    "agnn": Method(
        agnn.search, agnn.Config, "Auto-GNN: Neural Architecture Search of Graph Neural Networks (arXiv 1909.03184)",
        "reinforcement learning, conservative", "inherited weights, from scratch, or a table", "scores",
    ),
    "ctnas": Method(
        ctnas.search, ctnas.Config, "Contrastive Neural Architecture Search with Neural Architecture Comparators"
        " (arXiv 2103.05471)",
        "reinforcement learning against a comparator", "comparator, then training from scratch, or a table", "scores",
    ),
    "gcn_fit": Method(
        gcn_fit.search, gcn_fit.Config,
        "Fitting the Search Space of Weight-sharing NAS with Graph Convolutional Networks (arXiv 2004.08423)",
        "random samples, then prediction of all", "regression on weight sharing, training from scratch, or a table",
        "scores",
    ),
    "nao": Method(
        nao.search, nao.Config, "Neural Architecture Optimization (arXiv 1808.07233)",
        "gradient in a learned space", "training from scratch, weight sharing, or a table", "scores",
    ),
    "mnasnet": Method(
        mnasnet.search, mnasnet.Config,
        "MnasNet: Platform-Aware Neural Architecture Search for Mobile (arXiv 1807.11626)",
        "reinforcement learning, proximal", "training from scratch, or a table, and measured latency", "scores",
    ),
    "monas": Method(
        monas.search, monas.Config,
        "MONAS: Multi-Objective Neural Architecture Search using Reinforcement Learning (arXiv 1806.10332)",
        "reinforcement learning", "training from scratch, or a table, and counted or measured costs", "scores",
    ),
    "reinforce": Method(
        reinforce.search, reinforce.Config,
        "Neural Architecture Search with Reinforcement Learning (arXiv 1611.01578)",
        "reinforcement learning", "training from scratch, or a table", "scores",
    ),
    "hyperband": Method(
        hyperband.search, hyperband.Config,
        "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization (arXiv 1603.06560)",
        "random, evolution, local search or a model, in rungs",
        "training from scratch for a while, the best on, or a table", "scores",
    ),
    "evolution": Method(
        baselines.evolution, baselines.EvolutionConfig,
        "Regularized Evolution for Image Classifier Architecture Search (arXiv 1802.01548)",
        "evolution", "training from scratch, or a table", "scores",
    ),
    "local_search": Method(
        local_search.search, local_search.Config,
        "Local Search is State of the Art for Neural Architecture Search Benchmarks (arXiv 2005.02960)",
        "local search", "training from scratch, or a table", "scores",
    ),
    "bananas": Method(
        bananas.search, bananas.Config,
        "BANANAS: Bayesian Optimization with Neural Architectures for NAS (arXiv 1910.11858)",
        "evolution guided by predictors", "training from scratch, or a table", "scores",
    ),
    "nsga2": Method(
        nsga2.search, nsga2.Config,
        "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II (Deb et al., 2002), as in NSGA-Net"
        " (arXiv 1810.03522)",
        "evolution of a Pareto front", "training from scratch, or a table, and counted or measured costs", "scores",
    ),
    "optuna": Method(
        optuna_sampler.search, optuna_sampler.Config,
        "Optuna: A Next-generation Hyperparameter Optimization Framework (arXiv 1907.10902)",
        "Bayesian optimisation", "training from scratch, or a table", "scores",
    ),
    "random": Method(
        baselines.random, baselines.RandomConfig,
        "Random Search and Reproducibility for NAS (arXiv 1902.07638)",
        "random", "training from scratch, or a table", "scores", members=("choices", "valid"),
    ),
    "routability": Method(
        routability.search, routability.Config,
        "Automatic Routability Predictor Development Using Neural Architecture Search (arXiv 2012.01737)",
        "edge weights, multiplied", "training from scratch, a shared supernet, or a table", "scores",
    ),
}  # fmt: skip
