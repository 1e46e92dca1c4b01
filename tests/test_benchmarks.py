"""The commands of benchmarks/RESULTS.md and SPEED.md run, at small sizes; the long ones when asked for (make slow)."""

import importlib
import json
import re
from pathlib import Path

import pytest
from programs import run as program

FOLDER = Path(__file__).parent.parent / "benchmarks"
RESULTS = (FOLDER / "RESULTS.md").read_text()
SPEED = (FOLDER / "SPEED.md").read_text()


def run(name, *args):
    return program(FOLDER / f"{name}.py", *args)


def test_every_benchmark_has_its_section_and_every_command_exists():
    commands = set(re.findall(r"benchmarks/(\w+)\.py", RESULTS + SPEED))
    programs = {path.stem for path in FOLDER.glob("*.py") if "__main__" in path.read_text()}
    assert commands == programs


def test_every_published_method_has_its_row_and_interrupted_commands_go_on(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    reprint = importlib.import_module("reprint")
    commands = reprint.listed(RESULTS)
    assert len(commands) >= 17 and all(minutes > 0 for _, minutes in commands)
    assert sum(minutes for _, minutes in commands) < 6 * 60 * 2
    few = reprint.shortest(commands, 0.1)
    assert few and sum(m for _, m in few) <= 0.1 * sum(m for _, m in commands)
    assert reprint.shortest(commands, 1.0) == sorted(commands, key=lambda row: row[1])
    assert not reprint.run("python benchmarks/rlnas.py --nothing", tmp_path) and [*tmp_path.glob("*.part")]
    (log := tmp_path / "rlnas-py-nothing.txt").write_text("printed before")
    assert reprint.run("python benchmarks/rlnas.py --nothing", tmp_path) and log.read_text() == "printed before"


def test_evaluations_have_the_numbers_of_a_plain_loop():
    sizes = ("--count", "1", "--epochs", "1", "--rounds", "1", "--channels", "2", "--data", "digits")
    out = run("evaluations", *sizes)
    assert out.count("same losses: True") == 1 and "same losses: False" not in out
    torchs, ours = map(float, re.findall(r"optimiser ([\d.]+), ours ([\d.]+) CPU s", out)[0])
    assert ours < torchs / 4


@pytest.mark.slow
def test_a_tenth_of_the_first_table(data, tmp_path):
    out = run("reprint", "--share", "0.1", "--out", str(tmp_path))
    assert "failed" not in out and len([*tmp_path.glob("*.txt")]) == int(out.split()[0]) >= 5


AHEAD = re.compile(r"^(\w[\w -]*?) +\S+ \+-\S+   found is ahead in (\d+) of (\d+), by (\S+)", re.MULTILINE)


def test_the_first_search(tmp_path):
    """Every rival has its line; rows that are kept are not run again."""
    small = (
        "--seeds",
        "2",
        "--evaluations",
        "11",
        "--epochs",
        "1",
        "--trainings",
        "1",
        "--out",
        str(tmp_path / "rows"),
    )
    out = run("first_search", *small)
    assert [name for name, *_ in AHEAD.findall(out)] == [
        "random search", "everything read", "best hand-made", "best of all",
    ]  # fmt: skip
    rows = [json.loads(line) for line in (tmp_path / "rows").read_text().splitlines()]
    assert [len(row["tests"]) for row in rows] == [2 + 8 + 1] * 2 and rows[0]["tests"] != rows[1]["tests"]
    assert run("first_search", *small) == out and len((tmp_path / "rows").read_text().splitlines()) == 2


def test_the_first_snippet_with_another_seed():
    out = run("first_search", "--snippet", "--seeds", "1", "--first", "3")
    assert [name for name, *_ in AHEAD.findall(out)] == ["random search", "best hand-made", "best of all"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("what", "rivals"), [((), 4), (("--snippet",), 3)], ids=["command", "snippet"])
def test_the_first_search_is_ahead(what, rivals):
    """Of random search, of every hand-made network, and of all of them on one machine or data set."""
    found = AHEAD.findall(run("first_search", "--seeds", "5", *what))
    assert len(found) == rivals
    assert all(int(wins) >= 4 and float(points) > 1 for _, wins, _, points in found)


def test_supernet_step():
    out = run("supernet_step", "--channels", "2", "--cells", "3", "--batch", "2", "--size", "8", "--repeats", "2")
    gaps = re.search(r"float64: plain and appnas +(\S+) +(\S+) +(\S+)", out).groups()
    assert max(float(gap) for gap in gaps) < 1e-10
    ratio, memory = re.search(r"appnas .* (\S+) of plain; .* (\S+) of plain", out).groups()
    assert 0 < float(ratio) and 0 < float(memory) < 0.7


@pytest.mark.slow
def test_unrolled():
    out = run("unrolled", "--channels", "2", "--batch", "2", "--rounds", "1", "--seeds", "1")
    table = [line for line in out.splitlines() if line.startswith("  ") and "CPU s" not in line]
    found = {line[:42].strip(): float(line.split()[-3]) for line in table}
    assert found["one-sided, same sides, 0.001, float32"] > 0.99 > found["central, 0.001"]
    assert "central difference" in out


@pytest.mark.slow
def test_deep_supernets():
    out = run("deep_supernet", "--channels", "2", "--cells", "3", "--batch", "2", "--rounds", "1")
    assert len(re.findall(r"of keeping all", out)) == 3 and len(re.findall(r"GiB resident", out)) == 3


def test_a_sampled_path_costs_less_than_the_mixture():
    out = run("sampled_step", "--small", "--rounds", "2", "--archs", "1", "--only", "bench201", "torso")
    kept = [[float(x) for x in line.split("|")[2].split()] for line in out.splitlines()[2:]]
    assert len(kept) == 2 and all(sampled < mixed and sampled < 1.6 for mixed, sampled, _ in kept)


def test_overhead(data):
    out = run("overhead")
    assert float(re.search(r"a table query .*, (\S+) of these", out)[1]) <= 0.06
    trials = [float(share) for share in re.findall(r"a trial, .* (\S+) of these", out)]
    assert len(trials) == 4 and max(trials) <= 2
    peers = [float(share) for share in re.findall(r"a trial of Optuna, .* (\S+) of these", out)]
    assert len(peers) == 2 and min(peers) > 5 * trials[0]


def test_the_table_of_the_baselines(data):
    out = run("nb201_table", "--seeds", "3")
    rows = {line.split()[0]: line for line in out.splitlines() if " +-" in line}
    assert {"random", "evolution", "reinforce", "published"} <= set(rows)
    assert 92 < float(rows["evolution"].split()[1]) < 94.38


def test_rungs_on_the_table(data):
    out = run("multi_fidelity", "table", "--seeds", "5")
    found = {line[:30].strip(): float(line[30:].split()[0]) for line in out.splitlines() if "+-" in line}
    assert found["ASHA"] > found["random, whole trainings"] and len(found) == 9


def test_encoders_of_agents():
    out = run("rl_encoder", "--side", "16", "--batch", "2", "--repeats", "1")
    assert re.search(r"IMPALA 16,32,32 .* ratio +1\.00", out)
    mixed, sampled = (
        float(re.search(rf"Micro supernet, 4 nodes{kind} .* ratio +(\S+)", out)[1]) for kind in ("", ", sampled")
    )
    assert 1 < sampled < mixed


def test_the_encoders_that_are_shipped(tmp_path):
    run("shipped_encoders", "catch", "--steps", "2048", "--seeds", "1", "--out", str(tmp_path))
    compared = json.loads((tmp_path / "catch.json").read_text())["found"]["compared"]
    assert {len(runs) for runs in compared["returns"].values()} == {1}
    assert all(len(run) == len(compared["steps"]) for runs in compared["returns"].values() for run in runs)


def test_encoders_in_minatar(tmp_path):
    pytest.importorskip("minatar", reason="its extra is not installed here")
    kinds, few = ("sampled supernet", "derived, sampled", "blind twin"), ("--steps", "2048", "--seeds", "1")
    out = run("minatar_encoders", *few, "--kinds", *kinds, "--out", str(tmp_path / "rows"))
    assert [line[:20].strip() for line in out.splitlines()[2:]] == list(kinds)
    assert all(len(json.loads(row)["returns"]) == 8 for row in (tmp_path / "rows").read_text().splitlines())


def test_encoders_that_actor_and_critic_share(tmp_path):
    few = ("--agent", "sac", "--game", "reach", "--steps", "120", "--seeds", "1", "--kinds", "supernet", "derived")
    out = run("minatar_encoders", *few, "--out", str(tmp_path / "rows"))
    assert [line[:20].strip() for line in out.splitlines()[2:4]] == ["supernet", "derived"]
    rows = [json.loads(row) for row in (tmp_path / "rows").read_text().splitlines()]
    assert all(len(row["returns"]) == 8 and row["returns"][-1] < 0 for row in rows) and "archs" in rows[0]


@pytest.mark.slow
def test_rl_darts_turns_away_from_noise():
    out = run("rl_darts", "catch", "--seeds", "2", "--random", "0")
    assert float(re.search(r"noise mass .* largest (\S+)", out)[1]) < 0.11


def test_shrinking():
    out = run("shrink", "--densities", "1", "0.25", "--rounds", "3")
    whole, quarter = (line.split() for line in out.splitlines()[1:])
    assert float(quarter[-1]) < 1e-5 and int(quarter[1].replace(",", "")) < 0.1 * int(whole[1].replace(",", ""))
    assert float(quarter[4]) < 0.6


def test_pruning_a_supernet_beside_its_controls():
    out = run("shrink", "--supernets", "--only", "cnn on digits", "--seeds", "1", "--penalty", "1")
    kept, *tests = re.search(r"cnn on digits +(\d+) of 80 +1 +(\S+) \+\S+ +(\S+) \+\S+ +(\S+) \+", out).groups()
    assert 3 <= int(kept) < 80 and all(10 < float(test) <= 100 for test in tests)


def test_transfer():
    small = ["--parts", "units", "--seeds", "2", "--epochs", "2", "--shots", "1", "--penalties", "0.3", "3"]
    out = run("transfer", *small)
    assert len(re.findall(r"^[\d.]+ +[\d.]+ \+- ", out, re.MULTILINE)) == 2 * 2
    assert "seed 1: dense network on the source" in out


def test_proxies_rank_cells(data):
    out = run("zerocost", "--cells", "6", "--channels", "2")
    taus = dict(re.findall(r"^([a-z_]+) +(\S+)", out, re.MULTILINE))
    assert len(taus) == 10 + 1 and all(-1 <= float(taus[name]) <= 1 for name in ("synflow", "naswot", "params"))


def test_choices_of_the_training_beside_the_architecture():
    out = run("tune", "--seeds", "1", "--evaluations", "3", "--budget", "1", "--epochs", "1", "--channels", "2")
    rows = re.findall(r"^(\w[\w ]*?) +(\S+) \+- \S+ +(\S+) \+- ", out, re.MULTILINE)
    assert [name for name, *_ in rows] == ["alone", "with", "training alone"]
    assert all(0 < float(x) <= 100 for _, *pair in rows for x in pair)


@pytest.mark.slow
def test_the_ablation_of_temperatures():
    """One high temperature does not survive hardening, one low freezes, two and a hard forward do neither."""
    out = run("pruning", "--seeds", "4")
    rows = out.splitlines()[2:-1]
    table = {row[:20].strip(): [float(x) for x in re.findall(r"([\d.]+) \+-", row)] for row in rows}
    relaxed, hard, _ = table["one high"]
    assert relaxed > 90 and hard < 40
    assert table["one low"][2] > 3 * table["hard forward"][2]
    assert table["two"][1] > 80 and table["hard forward"][1] > 90
    assert float(re.search(r"(\d+) CPU s", out)[1]) < 180


@pytest.mark.slow
def test_second_order():
    out = run("bilevel", "--seeds", "2")
    assert out.count("2.0000   1.6667   1.3333   1.0000") == 2
    assert float(re.search(r"epsilon 0\.001 +tanh.*whole gradient +(\S+)", out)[1]) < 1e-4


@pytest.mark.slow
def test_darts_finds_cells_above_random(data):
    out = run("darts_bench201", "--seeds", "3")
    found = float(re.search(r"derived cells, 3 seeds +(\S+)", out)[1])
    assert found >= 3 + float(re.search(r"random cell +(\S+)", out)[1])


def test_nasbenchgraph():
    out = run("nasbenchgraph", "--seeds", "1", "--datasets", "proteins", "--evaluations", "12")
    rows = {line[:24].strip() for line in out.splitlines() if " +-" in line}
    assert {"random", "REINFORCE from scratch", "AGNN", "AGNN, lr 0"} <= rows
    assert "best of the table: 85.33 validation, 79.26 test" in out


def test_architectures_a_minute():
    """Ours and torch_geometric's layers are the same networks, and train as the same search's candidates."""
    out = run("graphs", "--dataset", "graphs", "--archs", "3", "--budget", "2", "--warmup", "1")
    outputs, gradients = map(float, re.search(r"by at most (\S+), gradients by (\S+)", out).groups())
    assert outputs < 1e-4 and gradients < 1e-3
    assert float(re.search(r"from scratch +(\S+)", out)[1]) > 0


@pytest.mark.slow
def test_operations_beside_those_of_torch_geometric():
    out = run("graph_speed", "--sizes", "30", "--operations", "gcn", "gcnii", "gat", "--repeats", "1")
    rows = re.findall(r"^\| (\w+) \| 30 / 300 \| (\S+) \| (\S+) \| (\S+) \| (\S+) \| (\S+) \|$", out, re.MULTILINE)
    assert [name for name, *_ in rows] == ["gcn", "gcnii", "gat"]
    assert all(float(x) > 0 for _, *figures in rows for x in figures)


def test_agnn_beside_its_controls():
    sizes = ("--evaluations", "3", "--start", "2", "--budget", "2", "--warmup", "1", "--epochs", "2", "--seeds", "2")
    out = run("agnn", "--dataset", "graphs", *sizes)
    names = ("found by AGNN", "GCN, 16", "GAT, 8 heads of 8", "best of the random ones")
    assert all(re.search(rf"{name} +test \d", out) for name in names)


def test_several_searches_of_agnn(tmp_path):
    """A row a search, kept."""
    small = ("--dataset", "graphs", "--seeds", "2", "--evaluations", "4", "--budget", "1", "--epochs", "1")
    out = run("agnn_searches", *small, "--methods", "random", "AGNN, lr .03", "--out", str(tmp_path / "rows"))
    assert len(re.findall(r"^(?:random|AGNN, lr \.03) .* \d+$", out, re.MULTILINE)) == 2
    assert len((tmp_path / "rows").read_text().splitlines()) == 4


def test_searches_and_hand_made_networks_on_citations(tmp_path):
    """The last stage by every rule; rows that are kept are not run again."""
    small = ("--dataset", "graphs", "--seeds", "2", "--evaluations", "4", "--budget", "1", "--epochs", "1")
    asked = (*small, "--again", "2", "--methods", "AGNN", "--hand-made", "mlp", "gcn", "--without", "training")
    out = run("citations", *asked, "--choices", "--ensembles", "1", "--out", str(tmp_path / "rows"))
    names = re.findall(r"^ *([\w',][\w ',]*?)  +\d+\.\d+", out, re.MULTILINE)
    assert names[:3] == ["mlp", "gcn", "AGNN"] and "own split, 5 seeds, by both" in names
    assert "the six together, voting" in names
    before = (tmp_path / "rows").read_text()
    assert run("citations", *asked, "--choices", "--ensembles", "1", "--out", str(tmp_path / "rows")) == out
    assert (tmp_path / "rows").read_text() == before


def test_graphs_of_every_kind():
    sizes = ("--seeds", "1", "--levels", "0.2", "0.95", "--evaluations", "3", "--budget", "1", "--epochs", "1")
    out = run("heterophily", *sizes, "--again", "1")
    rows = re.findall(r"^(\w+) +(\S+) \+-\S+ +(\S+) \+-", out, re.MULTILINE)
    assert [name for name, *_ in rows] == ["agnn", "mlp", "gcn", "sage", "gat", "appnp", "gcnii", "random"]


def test_a_large_graph_made_small():
    pytest.importorskip("torch_geometric")
    sizes = (
        "--nodes",
        "400",
        "--edges",
        "3000",
        "--evaluations",
        "2",
        "--budget",
        "3",
        "--least",
        "1",
        "--epochs",
        "2",
    )
    out = run("large_graph", *sizes, "--every", "2", "--widths", "8", "--repeats", "1", "--threads", "1")
    assert "400 nodes, 3,000 edges" in out and re.search(
        r"search: [1-9]\d* architectures, [1-9]\d* epochs.* 0 failed", out
    )
    rows = re.findall(r"^(found|gcn|mlp) +(\S+) +(\S+) +\d+ +(\S+)$", out, re.MULTILINE)
    assert [name for name, *_ in rows] == ["found", "gcn", "mlp"]
    assert all(0 < float(test) <= 100 for _, test, *_ in rows)


def test_sharing():
    out = run("sharing", "--dataset", "graphs", "--archs", "3", "--seeds", "2", "--budget", "2", "--warmup", "1")
    assert out.count("tau") == 4 and re.search(r"none +tau .* inherited 0 %", out)
    small = ("--archs", "3", "--seeds", "2", "--budget", "2", "--warmup", "1")
    out = run("sharing", "--dataset", "graphs", *small, "--space", "graphnet", "--evolved")
    assert out.count("tau") == 4 and re.search(r"^constrained +tau ", out, re.MULTILINE)


@pytest.mark.slow
def test_conservative_steps_beat_random_search_on_arxiv():
    out = run("nasbenchgraph", "--seeds", "10")
    at_100 = {line[:24].strip(): float(re.findall(r"(\S+) \+-", line)[2]) for line in out.splitlines() if " +-" in line}
    assert at_100["AGNN"] > at_100["random"] + 0.1


def test_published_few_shot_scores(data):
    out = run("fewshot", "table", "--seeds", "2")
    assert re.search(r"one supernet +tau 0\.485", out) and re.search(r"five supernets +tau 0\.551", out)


@pytest.mark.slow
def test_few_shot_training(data):
    small = ("--epochs", "1", "--leaf-epochs", "1", "--alone", "1", "--cells", "20")
    out = run("fewshot", "train", "--seeds", "1", *small)
    assert out.count("mean inside the parts") == 4 and "tau between two trainings" in out


def test_the_gap_of_unas(tmp_path):
    out = run("unas", "gap", "--seeds", "1", "--epochs", "1", "--again", "1", "--out", str(tmp_path / "rows"))
    rows = re.findall(r"^(0\.0|0\.5|random) +(\S+) \+-\S+ +(\S+) \+-\S+ +(\S+) \+", out, re.MULTILINE)
    assert [row[0] for row in rows] == ["0.0", "0.5", "random"]
    assert all(float(row[2]) > 0 and 0 < float(row[3]) <= 100 for row in rows)


def test_pruning_by_reinforcement_learning(data):
    out = run("radars", "subspace", "--seeds", "3")
    means = [float(x) for x in re.findall(r"mean (\S+) \+-", out)]
    assert means[0] > means[1]


@pytest.mark.slow
def test_a_budget_of_memory(data):
    out = run("radars", "budget", "--seeds", "1")
    budget, paths, supernet = map(float, re.search(r"budget (\d+) .*paths (\S+), supernet (\S+) \(", out).groups())
    assert max(paths, supernet) <= budget < float(re.search(r"needs (\S+) MiB", out)[1])
    process = map(float, re.search(r"process: path (\S+), supernet (\S+);", out).groups())
    assert max(process) <= budget < float(re.search(r"process: (\S+) MiB for the whole", out)[1])


@pytest.mark.slow
def test_proxies_at_initialisation(data):
    out = run("freenas", "--seeds", "2", "--cells", "3")
    assert float(re.search(r"FreeFlow \(the paper's\) +(\S+)", out)[1]) >= 92.5


@pytest.mark.slow
def test_the_angle_ranks_cells(data):
    out = run("rlnas", "--seeds", "1")
    assert float(re.search(r"random labels, 400 epochs, operations +tau (\S+),", out)[1]) > 0.5


def test_ctnas(data, tmp_path):
    """Rows are kept, and read the second time."""
    small = ("--seeds", "2", "--iterations", "20", "--epochs", "5", "--variants", "official: concat, mean")
    small += ("--controls", "random", "parameters", "--out", str(tmp_path / "rows"))
    first = run("ctnas", *small)
    assert float(re.search(r"parameters +(\S+)", first)[1]) == pytest.approx(0.578, abs=0.002)
    assert "ledger: 156 labels, 0 pseudo-labels, 20 comparisons" in first
    assert run("ctnas", *small) == first


def test_predictors():
    out = run("predictors", "--seeds", "2", "--tables", "proteins", "--models", "regression", "ridge regression")
    assert re.search(r"^regression +\S+ \+-\S+ +\S+$", out, re.MULTILINE)


def test_own_models(tmp_path):
    """The examples' searches, a row a seed, kept."""
    small = ("--quick", "--examples", "own_table", "--seeds", "2", "--out", str(tmp_path / "rows"))
    out = run("own_models", *small)
    assert re.search(r"own_table +rmse.* found \S+ \+-\S+ +random \S+ \+-\S+ +difference -?\d", out)
    rows = [json.loads(line) for line in (tmp_path / "rows").read_text().splitlines()]
    assert [row["key"] for row in rows] == [["own_table", 0], ["own_table", 1]] and rows[0]["found"] != rows[1]["found"]


def test_nao(data):
    out = run("nao", "--seeds", "2", "--epochs", "3", "--variants", "random", "rank, random direction")
    assert re.search(r"rank, random direction +\S+ \+-.* rebuilt \d+ %", out)


def test_gcn_fit(data):
    """The facts of the published supernet, and a fit."""
    out = run("gcn_fit", "--seeds", "1", "--supernets", "oneshot", "--variants", "ridge")
    raw, fit = map(float, re.search(r"ridge +(\S+) \+-\S+ +(\S+) \+-", out).groups())
    assert raw == pytest.approx(0.485, abs=0.005) and 0 < fit < 1
    assert "choice of the scores themselves: 91.01 of all cells" in out


@pytest.mark.slow
def test_a_fit_ranks_better_than_the_scores_it_was_fitted_to(data):
    out = run("gcn_fit", "--supernets", "fewshot", "--variants", "GCN, 1,000 pairs")
    gain = float(re.search(r"1,000 pairs +\S+ \+-\S+ +\S+ \+-\S+ +(\S+) \+-", out)[1])
    assert gain > 0


@pytest.mark.slow
def test_a_fit_of_independent_errors(data, tmp_path):
    out = run("gcn_fit", "--planted", "2", "--seeds", "1", "--out", str(tmp_path / "rows"))
    raw = float(re.search(r"alike, independent, sd 2 +largest of all scores +(\S+) ", out)[1])
    assert float(re.search(r"alike, independent, sd 2 +ridge +(\S+) ", out)[1]) > raw + 0.1


def test_a_chain_whose_optimum_is_known(tmp_path):
    """RADARS leaves far more than random pruning; a search under a limit gets near the constrained optimum."""
    kept = str(tmp_path / "rows")
    out = run("chain", "radars", "--seeds", "2", "--looks", "200", "--out", kept)
    left = {name: float(re.search(rf"{name} .*?(-?[\d.]+) \+-", out)[1]) for name in ("RADARS", "random pruning")}
    assert left["RADARS"] > 8 > 2 > left["random pruning"]
    out = run("chain", "unas", "--seeds", "1", "--steps", "100", "--out", kept)
    share = {name: float(re.search(rf"{name}.*? ([\d.]+) \+-\S+ %", out)[1]) for name in ("UNAS", "as many looks")}
    assert 70 < share["UNAS"] and 25 < share["as many looks"] < 55
    out = run("chain", "gradient", "--seeds", "1", "--parts", "100", "--out", kept)
    half, whole = (float(re.search(rf"{name}.*? ([\d.]+) \+-", out)[1]) for name in ("unified, tau 0.4", "REINFORCE,"))
    assert half < 0.7 * whole


def test_a_surrogate_of_published_trainings(data, tmp_path):
    small = ["--seeds", "1", "--samples", "100", "--methods", "random", "evolution (50, 10)", "NSGA-II"]
    out = run("surrogate", *small, "--out", str(tmp_path / "rows"))
    assert float(re.search(r"surrogate of top1 +: tau (\S+),", out)[1]) > 0.9
    assert len((tmp_path / "rows").read_text().splitlines()) == 2 + 3 + 3 + 2


@pytest.mark.slow
def test_distractors(tmp_path):
    """A mask of the source reads the quarter that counts; the dense network cannot tell it."""
    out = run(
        "distractors", "--seeds", "1", "--sources", "joint", "--penalties", "0.5", "--out", str(tmp_path / "rows")
    )
    dense, learned = (float(re.search(rf"fresh .*?{name} ([\d.]+)", out)[1]) for name in ("dense", "learned"))
    assert learned > dense + 5 and float(re.search(r"quarter (\d+)", out)[1]) > 50


@pytest.mark.slow
def test_collapse(data, tmp_path):
    out = run("collapse", "--seeds", "1", "--quick", "--out", str(tmp_path / "rows"))
    rows = [json.loads(line)["key"] for line in (tmp_path / "rows").read_text().splitlines()]
    assert sum(key[0] == "search" for key in rows) == 4 + 2 and sum(key[0] == "train" for key in rows) == 8 + 6
    assert "control: DARTS, stopped at the least validation loss" in out


def test_routability(data, tmp_path):
    """A row for every predictor, kept; ispd2015 leaves out each design; the switches are in the keys."""
    small = ("--each", "2", "--evaluations", "1", "--epochs", "1", "--final", "1", "--side", "16", "--seeds", "1")
    small += ("--tasks", "violated_nets", "congestion", "--methods", "random", "--top", "1")
    small += ("--out", str(tmp_path / "rows"))
    small += ("--rows", "RUDY", "ridge", "forest", "one routing of another order", "unet", "one edge", "random")
    out = run("routability", *small, "--channels", "router")
    rows = [json.loads(line)["key"] for line in (tmp_path / "rows").read_text().splitlines()]
    assert len(rows) == 7 + 4 * 6 and len({row[1] for row in rows if row[0] == "congestion"}) == 4
    assert re.search(r"\| RUDY \| 1 \| 0\.\d{3} \| ", out) and "random against unet" in out
    assert "random against forest" in out and "random against one edge" in out and "torch" in out.splitlines()[-1]
    more = ("--channels", "paper", "--head", "mean", "--tasks", "violated_nets", "--rows", "one edge")
    run("routability", *small, *more)
    last = json.loads((tmp_path / "rows").read_text().splitlines()[-1])
    assert last["key"][2:8] == ["one edge", 0, "paper", "shipped", "mean", ""] and last["parameters"] > 10_000


def test_graph_and_map(tmp_path):
    """Both spaces and the hand-made joins on a small file with netlists; rows are kept, and name the machine."""
    from chip_examples import with_nets

    from appnas.domains.eda.placements import save

    save(with_nets(), tmp_path / "data.npz")
    small = ("--data", str(tmp_path / "data.npz"), "--out", str(tmp_path / "rows"), "--channels", "pin", "RUDY")
    small += ("--tasks", "hotspots", "--seeds", "1", "--evaluations", "1", "--epochs", "1", "--final", "1")
    out = run("net_map", *small, "--methods", "random")
    rows = [json.loads(line) for line in (tmp_path / "rows").read_text().splitlines()]
    assert [row["key"][1] for row in rows][:3] == ["unet", "LHNN's kind", "Circuit GNN's kind"] and len(rows) == 5
    assert "rounds" in rows[4] and "rounds" not in rows[3] and all("torch" in row["machine"] for row in rows)
    assert re.search(r"\| net_map, random \| 1 \| [01]\.\d{3} \|", out)


def test_a_network_for_the_package(tmp_path):
    """What is made is read by its name, says of which placements it is, and carries its channels' levels."""
    channels = ("--channels", "cell", "overflow_h", "overflow_v")
    small = ("--method", "random", "--evaluations", "1", "--epochs", "1", "--final", "1", "--out", str(tmp_path))
    assert "roc_auc 0." in run("chip_net", "hot", *channels, *small)
    content = json.loads((tmp_path / "hot" / "arch.json").read_text())
    assert set(content["preprocessing"]["levels"]) == {"cell", "overflow_h", "overflow_v"}
    said = (tmp_path / "hot" / "README.md").read_text()
    assert "| forest | 0." in said and "| this network | 0." in said and "test: arb16x8" in said
    assert "python benchmarks/chip_net.py hot --channels cell" in said


def test_edge_weights_learn():
    out = run("edge_weights", "--seeds", "2", "--samples", "200")
    late = {row[0]: float(row[1]) for row in re.findall(r"^\| (\w[\w ]*) \| [^|]+ \| (\S+) ", out, re.MULTILINE)[1:]}
    assert late["odds"] > max(0.2, late["rate 0"] + 0.2, late["notes"] + 0.2)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_files():
    small = ("--steps", "2", "--batch", "8", "--side", "32")
    out = run("lazy_images", "--files", "60", "240", "--loaders", "0", "2", *small)
    rows = re.findall(r"^\| (60|240) \| ([02]) \| (\d+) \| (\d+) \|", out, re.MULTILINE)
    assert [row[:2] for row in rows] == [("60", "0"), ("60", "2"), ("240", "0"), ("240", "2")]
    growth = [float(share) for share in re.findall(r"workers: ([-+]\S+) % memory", out)]
    assert len(growth) == 2 and max(growth) < 5
    workers = [int(row[3]) for row in rows]
    assert workers[0] == workers[2] == 0 < workers[1]


def test_startup():
    out = run("startup", "--repeats", "1")
    spent = dict(re.findall(r"^(.*?) {2,}(\S+) \(", out, re.MULTILINE))
    assert float(spent["appnas list"]) < float(spent["import torch"]) and len(spent) == 8


def test_report_speed():
    out = run("report_speed", "--evaluations", "300", "--kinds", "failed")
    assert re.search(r"\| failed \| 300 \| \S+ \| \S+ \| 0\.\d\d \|", out)


@pytest.mark.slow
def test_scale():
    out = run("scale", "--evaluations", "400", "--strategies", "evolution", "--rows", "20000")
    row = re.search(r"\| evolution \| 400 \| (\S+) \| (\S+) \| \S+ \| (\d+) \| (\S+) \| \S+ \| \S+ \| (\S+) \|", out)
    assert 100 < int(row[3]) < 400 and float(row[4]) < 5 and float(row[5]) < 2
    assert len(re.findall(r"20,000 rows and 4 columns, (?:lists|arrays): opened in 0\.", out)) == 2


@pytest.mark.slow
def test_a_long_run_is_linear():
    out = run("scale", "--evaluations", "10000", "100000")
    rows = re.findall(r"\| \w+ \| 10+,000 \|((?: \S+ \|){8})", out)
    assert len(rows) == 4
    for few, many in (rows[:2], rows[2:]):
        few, many = ([float(cell.replace(",", "")) for cell in row.split("|")[:-1]] for row in (few, many))
        assert many[0] < 1.5 * few[0] and many[2] < few[2] + 300 and many[4] < 12 * few[4] + 1 and many[6] < few[6] + 20
    assert all(float(seconds) < 2 for seconds in re.findall(r"400,000 .* opened in (\S+) CPU s", out))


def test_policies():
    out = run("policies", "--seeds", "1", "--epochs", "3", "--samples", "5", "--pairs", "64")
    asks = [float(ms) for ms in re.findall(r"^an ask, .* (\S+) ms", out, re.MULTILINE)]
    assert len(asks) == 2 and asks[1] < asks[0]  # a walk for twenty
    assert re.search(r"GCN, a fit +\S+ s", out) and len(re.findall(r"a search +\S+ s .*; found -?\d", out)) == 2


def test_chip_size():
    out = run("chip_size", "--cells", "300", "--pins", "3000", "--predict")
    rows = re.findall(r"\| (\S+) (cells|pins, one net) \| (\S+) \| (features|predict) \| (\S+) \| (\S+) \|", out)
    assert [row[:2] for row in rows[::2]] == [("300", "cells"), ("3,000", "pins, one net")] and rows[2][2] == "3,000"
    assert [row[3] for row in rows] == ["features", "predict"] * 2
    assert all(float(row[5].replace(",", "")) < 1000 for row in rows)  # all pairs of the net at once: 24 GB


@pytest.mark.slow
def test_reports_of_long_runs():
    out = run("report_speed", "--evaluations", "100000", "1000000")
    rows = re.findall(r"\| \w+ \| (1\S+) \| (\S+) \| (\S+) \| (\S+) \|", out)
    assert len(rows) == 10
    for count, seconds, peak, page in rows:
        assert float(seconds) < (20 if count == "100,000" else 120)
        assert float(peak.replace(",", "")) < 4096 and float(page) < 2


def test_precision():
    small = ("--channels", "1", "--nodes", "1", "--batch", "2", "--size", "8", "--repeats", "1")
    out = run("precision", *small, "--rows", "32", "bf16")
    rows = re.findall(r"(search|training) +(32|bf16) +\S+ ms \(.*\) +(\S+) x +first +\S+ s +loss (\S+)", out)
    assert [row[:2] for row in rows] == [(what, how) for what in ("search", "training") for how in ("32", "bf16")]
    for (_, _, one, loss), (_, _, other, close) in (rows[:2], rows[2:]):
        assert float(one) == 1 and float(other) > 0 and float(close) == pytest.approx(float(loss), rel=0.05)
