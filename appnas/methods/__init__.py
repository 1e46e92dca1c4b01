"""One paper, one file: a frozen Config with the paper's numbers, and search(space, domain, config).

`METHODS` is the catalogue; a method adds its line here and its row to docs/methods/index.md. What it names is imported
when it is asked for: the names are known without torch.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from appnas.support.lazy import lazily, member


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
        module: its file in this room, which is imported when it is asked for; or MODULE:SEARCH:CONFIG where these two
            are not called `search` and `Config`.
        paper: title, authors' short form and arXiv id.
        strategy: how it moves through the space.
        estimation: how it judges an architecture.
        when: to use it, as far as was measured.
        needs: "gates" for a differentiable domain and a supernet, "agent" for a domain whose own training loop trains
            the supernet, "data" for any domain with data, "scores" for any domain or table.
        memory: (space, config) -> peak memory of a search, which `appnas.testing.MethodSuite` compares with what is
            measured; None where the method keeps a budget of its own.
        members: of a space that it uses, besides `build` and `supernet`.
        paths: settings under which it asks a supernet for single paths alone, so that options need not be mixed; None
            if it always mixes them. Methods that need scores have supernets of single paths, if any.
    """

    module: str
    paper: str
    strategy: str
    estimation: str
    when: str
    needs: Literal["gates", "agent", "data", "scores"]
    memory: Callable[[Any, Any], Memory | None] = lambda space, config: Memory()
    members: tuple[str, ...] = ("choices", "mask", "valid", "discretise")
    paths: Mapping[str, Any] | None = None

    @property
    def search(self) -> Callable[..., Any]:
        """(space, domain, config, *, seed, callbacks) -> SearchResult."""
        found: Callable[..., Any] = self._named(1, "search")
        return found

    @property
    def config(self) -> type:
        """The dataclass of its settings."""
        found: type = self._named(2, "Config")
        return found

    def _named(self, place: int, otherwise: str) -> Any:
        names = self.module.split(":")
        return member(__name__, f"{names[0]}:{names[place] if names[1:] else otherwise}")


NEEDS = {
    "gates": "trains shared weights",
    "agent": "searches while an agent trains",
    "data": "looks at networks and data",
    "scores": "asks for scores",
}
"""What a method does that needs it, of `Method.needs`."""
METHODS: dict[str, Method] = {
    "darts": Method(
        "darts",
        "DARTS: Differentiable Architecture Search (arXiv 1806.09055)",
        "gradient, bilevel", "weight sharing, mixture",
        "options can be mixed and some are useless; minutes", "gates",
        lambda space, config: Memory(member(__name__, "darts:passes")(config)),
    ),
    "unas": Method(
        "unas",
        "UNAS: Differentiable Architecture Search Meets Reinforcement Learning (arXiv 1912.07651)",
        "policy gradient with relaxed control variate", "weight sharing, sampled",
        "a limit on a measured cost, under a supernet", "gates",
        lambda space, config: Memory(2.4 if config.gap else 1.2),
    ),
    "zarts": Method(
        "zarts",
        "ZARTS: On Zero-order Optimization for Neural Architecture Search (arXiv 2110.04743)",
        "zero order, bilevel", "weight sharing, candidates trained",
        "DARTS collapses onto skips in your space; three times its time", "gates",
        lambda space, config: Memory(1.5),
    ),
    "rl_darts": Method(
        "rl_darts",
        "RL-DARTS: Differentiable Architecture Search for Reinforcement Learning (arXiv 2106.02229)",
        "gradient, joint with the agent", "the agent's own return, mixture",
        "the encoder of an agent, within its own training", "agent",
    ),
    "two_temperature": Method(
        "two_temperature",
        "Differentiable Architecture Pruning for Transfer Learning (arXiv 2107.03375)",
        "gradient, two temperatures", "weight sharing, masked",
        "much source data, a target of a few shots; magnitude pruning beside it", "gates",
        lambda space, config: Memory(1.2),
    ),
    "radars": Method(
        "radars",
        "RADARS: Memory Efficient Reinforcement Learning Aided Differentiable NAS (arXiv 2109.05691)",
        "reinforcement learning that prunes, then gradient", "single paths, then weight sharing",
        "the supernet does not fit into memory", "gates",
        lambda space, config: None,
    ),
    "fewshot": Method(
        "fewshot",
        "Few-shot Neural Architecture Search (arXiv 2006.06863)",
        "evolution, random or reinforcement learning", "weight sharing in parts of the space, single paths",
        "options cannot be mixed and trainings are dear", "gates",
        lambda space, config: Memory(0.7, 1 + member(__name__, "fewshot:count")(space, config.split)), paths={},
    ),
    "freenas": Method(
        "freenas",
        "FreeNAS: Differentiable Architecture Search Without Training Nor Labels (arXiv 2106.11542)",
        "saliency of gates, pruning", "proxies at initialisation",
        "seconds, no labels; a first guess", "gates",
        lambda space, config: Memory({"snip": 1.1, "grasp": 3.5}.get(config.proxy, 0.2)),
    ),
    "rlnas": Method(
        "rlnas",
        "RLNAS: Neural Architecture Search with Random Labels (arXiv 2101.11834)",
        "evolution", "weight sharing, single paths; the angle of the weights",
        "no labels are to be trusted; images", "gates",
        lambda space, config: Memory(0.7), paths={"indicator": "score"},
    ),
    "zerocost": Method(
        "zerocost",
        "Zero-Cost Proxies for Lightweight NAS (arXiv 2101.08134)",
        "random or evolution", "proxies at initialisation, then training from scratch",
        "before any of the others: a start, or a filter", "data",
    ),
    "agnn": Method(
        "agnn",
        "Auto-GNN: Neural Architecture Search of Graph Neural Networks (arXiv 1909.03184)",
        "reinforcement learning, conservative", "inherited weights, from scratch, or a table",
        "graph networks, begun with hand-made ones (`graphnet`); begun with one random network two of five searches on"
        " Cora stayed near it", "scores",
    ),
    "ctnas": Method(
        "ctnas",
        "Contrastive Neural Architecture Search with Neural Architecture Comparators"
        " (arXiv 2103.05471)",
        "reinforcement learning against a comparator", "comparator, then training from scratch, or a table",
        "few labels, and candidates to be put in order", "scores",
    ),
    "gcn_fit": Method(
        "gcn_fit",
        "Fitting the Search Space of Weight-sharing NAS with Graph Convolutional Networks (arXiv 2004.08423)",
        "random samples, then prediction of all", "regression on weight sharing, training from scratch, or a table",
        "scores are noisy, and a limit on cost comes later", "scores",
    ),
    "nao": Method(
        "nao",
        "Neural Architecture Optimization (arXiv 1808.07233)",
        "gradient in a learned space", "training from scratch, weight sharing, or a table",
        "for comparison: beside evolution it gains nothing here", "scores",
    ),
    "mnasnet": Method(
        "mnasnet",
        "MnasNet: Platform-Aware Neural Architecture Search for Mobile (arXiv 1807.11626)",
        "reinforcement learning, proximal", "training from scratch, or a table, and measured latency",
        "accuracy against latency as one number, a thousand scores or more; else `nsga2`", "scores",
    ),
    "monas": Method(
        "monas",
        "MONAS: Multi-Objective Neural Architecture Search using Reinforcement Learning (arXiv 1806.10332)",
        "reinforcement learning", "training from scratch, or a table, and counted or measured costs",
        "a hard limit on a cost, many cheap scores; else `nsga2`", "scores",
    ),
    "reinforce": Method(
        "reinforce",
        "Neural Architecture Search with Reinforcement Learning (arXiv 1611.01578)",
        "reinforcement learning", "training from scratch, or a table",
        "for comparison; a rate of .05 beyond a hundred scores", "scores",
    ),
    "hyperband": Method(
        "hyperband",
        "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization (arXiv 1603.06560)",
        "random, evolution, local search or a model, in rungs",
        "training from scratch for a while, the best on, or a table",
        "short trainings tell long ones; many cheap looks", "scores",
    ),
    "evolution": Method(
        "baselines:evolution:EvolutionConfig",
        "Regularized Evolution for Image Classifier Architecture Search (arXiv 1802.01548)",
        "evolution", "training from scratch, or a table",
        "the first to try, and the control of all others", "scores",
    ),
    "local_search": Method(
        "local_search",
        "Local Search is State of the Art for Neural Architecture Search Benchmarks (arXiv 2005.02960)",
        "local search", "training from scratch, or a table",
        "a hundred scores or more, with little noise", "scores",
    ),
    "bananas": Method(
        "bananas",
        "BANANAS: Bayesian Optimization with Neural Architectures for NAS (arXiv 1910.11858)",
        "evolution guided by predictors", "training from scratch, or a table",
        "50 to 300 dear scores", "scores",
    ),
    "nsga2": Method(
        "nsga2",
        "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II (Deb et al., 2002), as in NSGA-Net"
        " (arXiv 1810.03522)",
        "evolution of a Pareto front", "training from scratch, or a table, and counted or measured costs",
        "several goals, or limits, and no weights for them", "scores",
    ),
    "optuna": Method(
        "optuna_sampler",
        "Optuna: A Next-generation Hyperparameter Optimization Framework (arXiv 1907.10902)",
        "Bayesian optimisation", "training from scratch, or a table",
        "a sampler you know, beside the others", "scores",
    ),
    "random": Method(
        "baselines:random:RandomConfig",
        "Random Search and Reproducibility for NAS (arXiv 1902.07638)",
        "random", "training from scratch, or a table",
        "the control of every claim", "scores", members=("choices", "valid"),
    ),
    "routability": Method(
        "routability",
        "Automatic Routability Predictor Development Using Neural Architecture Search (arXiv 2012.01737)",
        "edge weights, multiplied", "training from scratch, a shared supernet, or a table",
        "graphs of many edges, where each counts by itself", "scores",
    ),
}  # fmt: skip
__getattr__, __dir__ = lazily(__name__)
