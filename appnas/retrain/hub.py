"""A folder in the layout of the Hugging Face hub: a model card and a configuration beside the weights.

Nothing is sent anywhere: `hf upload NAME FOLDER` does that, for whoever wants it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

PIPELINES = {"images": "image-classification", "graphs": "graph-ml", "text": "text-generation"}
"""The hub's words for what networks of our fields do; other tasks have none."""


def folder(
    content: Mapping[str, Any], record: Mapping[str, Any], model: nn.Module, field: str, files: Sequence[str]
) -> dict[str, str]:
    """README.md and config.json.

    Args:
        content: what `arch.json` tells.
        record: what `retrain.json` tells: rows, the found architecture first.
        model: the network.
        field: of the space: images, graphs, text, rl or eda.
        files: names of all other files.
    """
    config = {"architectures": [type(model).__name__], "model_type": "appnas", "torch_dtype": "float32", **content}
    return {"config": json.dumps(config, indent=2) + "\n", "card": card(content, record, field, files)}


def card(content: Mapping[str, Any], record: Mapping[str, Any], field: str, files: Sequence[str]) -> str:
    """The model card: a head in YAML, what was found, how it did, how to use it, what is not known.

    The licence is left to who publishes it. See `folder` for the arguments.
    """
    space, domain = content["space"]["name"] or "own space", content["domain"]["name"] or "own data"
    name, rows = f"{space} on {domain}", record["rows"]
    head: dict[str, Any] = {
        "library_name": "pytorch",
        "tags": ["neural-architecture-search", "appnas", space],
        **({"pipeline_tag": PIPELINES[field]} if field in PIPELINES else {}),
        "model-index": [{"name": name, "results": [_result(rows[0], domain, PIPELINES.get(field, "other"))]}],
    }
    said = [
        "---", *(f"{key}: {json.dumps(value)}" for key, value in head.items()), "---", "", f"# {name}", "",
        f"A network that the method `{content['method']}` found in the space `{space}`, trained from scratch for"
        f" {content['epochs']} epochs, first seed of the training. Found and trained with appnas"
        f" {content['versions']['appnas']}, torch {content['versions']['torch']}.", "", "## Results", "", *_table(rows),
        "", "## Use", "", "```python", "from network import load  # network.py, plain torch, and model.safetensors",
        "", "model = load()", "```", "", f"Inputs of an example: {content['io']['inputs']}. Outputs:"
        f" {content['io']['outputs']}.", "",
    ]  # fmt: skip
    if content["preprocessing"]:
        said += ["What was done to the data:", "", "```json", json.dumps(content["preprocessing"]), "```", ""]
    said += ["## Architecture", "", "```json", json.dumps(content["options"], indent=1), "```", "", "## Files", ""]
    said += [f"- `{file}`" for file in files]
    return "\n".join([*said, "", "Data, licence and intended use are for whoever publishes this to describe.", ""])


def _result(row: Mapping[str, Any], domain: str, task: str) -> dict[str, Any]:
    metrics = [{"type": metric, "name": f"test {metric}", "value": value} for metric, value in _means(row).items()]
    return {"task": {"type": task}, "dataset": {"name": domain, "type": domain}, "metrics": metrics}


def _means(row: Mapping[str, Any]) -> dict[str, float]:
    tests = row["tests"]
    return {metric: sum(test[metric] for test in tests) / len(tests) for metric in tests[0]}


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Held-out metrics of what was found and of its controls, the mean over the seeds."""
    metrics = list(_means(rows[0]))
    lines = [["architecture", "parameters", "MACs", "trainings", *(f"test {metric}" for metric in metrics)]]
    lines.append(["---"] * len(lines[0]))
    for row in rows:
        numbers = [f"{_means(row)[metric]:.4g}" for metric in metrics]
        lines.append([row["name"], f"{row['parameters']:,}", f"{row['macs']:,}", str(len(row["tests"])), *numbers])
    return [f"| {' | '.join(line)} |" for line in lines]
