"""The model card (Mitchell et al., arXiv:1810.03993), written from the facts of a model."""

from collections.abc import Iterable, Mapping
from typing import Any

from tfx_contrastive.components.gates.verdict import Decision, gate_ids

_HEADLINE = ("accuracy", "balanced_accuracy", "macro_f1", "expected_calibration_error")


def render(name: str, digest: str, facts: Mapping[str, Any]) -> str:
    """Return the card.

    Args:
        name: Name of the registered model.
        digest: Digest of the model's files.
        facts: The facts, as `facts.collect` returns them.

    Returns:
        Markdown.
    """
    sections = (
        _heading(name, digest, facts),
        _data(facts.get("data", {})),
        *(_metrics(split, slices) for split, slices in facts.get("metrics", {}).items()),
        _gates(facts.get("gates", {})),
        _compatibility(facts.get("compatibility", {})),
        _interface(facts),
        _limits(facts),
        _origin(facts),
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def _heading(name: str, digest: str, facts: Mapping[str, Any]) -> str:
    classes = facts.get("label_vocabulary", [])
    kind = (
        f"Image classifier over {len(classes)} classes" if classes else "Image encoder without a classifier"
    )
    purpose = (
        "Intended use: classification of images like those of the training data, and embeddings of them "
        "for similarity search."
        if classes
        else "Intended use: embeddings of images like those of the training data, for similarity search."
    )
    lines = [f"# {name}", f"{kind}, pretrained on unlabeled images by contrastive learning. {purpose}"]
    if classes:
        lines.append("Classes: " + ", ".join(f"`{label}`" for label in classes))
    lines.append(f"Digest `{digest}`")
    return "\n\n".join(lines)


def _data(data: Mapping[str, Any]) -> str:
    if not data:
        return ""
    rows = [(key.replace("_", " "), value) for key, value in sorted(data.items())]
    return "## Data\n\n" + _table(("what", "value"), rows)


def _metrics(split: str, slices: Mapping[str, Mapping[str, float]]) -> str:
    overall = slices.get("overall", {})
    per_slice = {name: metrics for name, metrics in slices.items() if name != "overall"}
    plain = {name: value for name, value in overall.items() if "[" not in name}
    text = f"## Metrics on `{split}`\n\n" + _table(("metric", "value"), plain.items())
    shown = [metric for metric in _HEADLINE if any(metric in metrics for metrics in per_slice.values())]
    if per_slice and shown:
        rows = [(name, *(per_slice[name].get(metric) for metric in shown)) for name in sorted(per_slice)]
        text += "\n\n" + _table(("slice", *shown), rows)
    return text


def _gates(gates: Mapping[str, Any]) -> str:
    if not gates:
        return ""
    refused_by = gate_ids(gates.get("refused_by") or "")
    lines = ["## Gates", str(Decision(bool(gates.get("blessed")), refused_by, gates.get("baseline")))]
    for gate in ("representation", "evaluation"):
        lines += [f"- {reason}" for reason in gates.get(gate, {}).get("reasons", ())]
    figures = gates.get("representation", {}).get("figures", {})
    if figures:
        lines.append(_table(("figure of the encoder", "value"), figures.items()))
    return "\n\n".join(lines)


def _compatibility(found: Mapping[str, Any]) -> str:
    if not found:
        return ""
    against = f" with version {found['compared_with']}" if found["compared_with"] else ""
    return (
        f"## Embeddings\n\nCompared{against}: **{found['verdict']}**. {'; '.join(found['reasons'])}".rstrip()
    )


def _interface(facts: Mapping[str, Any]) -> str:
    rows = []
    for name, signature in facts.get("signatures", {}).items():
        outputs = ", ".join(
            f"`{tensor}` {spec['dtype']} {_shape(spec['shape'])}"
            for tensor, spec in signature["outputs"].items()
        )
        rows.append((f"`{name}`", facts.get("input_contract", {}).get(name, ""), outputs))
    return "## Interface\n\n" + _table(("signature", "input", "outputs"), rows) if rows else ""


def _limits(facts: Mapping[str, Any]) -> str:
    limits = [
        "It has seen images of its data source only. Other cameras, styles or classes are out of scope.",
        "Its metrics hold for the splits above; those of a slice with few images are uncertain.",
    ]
    if facts.get("label_vocabulary"):
        limits.append("It answers with one of its classes even if the image shows none of them.")
    return "## Limits\n\n" + "\n".join(f"- {limit}" for limit in limits)


def _origin(facts: Mapping[str, Any]) -> str:
    """Return the section by which the model can be reproduced; `version.json` has all the details."""
    lineage, versions = facts.get("lineage", {}), facts.get("versions", {})
    artifacts = [f"{key} {found[0]['id']}" for key, found in lineage.get("artifacts", {}).items() if found]
    rows = [
        ("pipeline run", lineage.get("run")),
        ("execution in ML Metadata", lineage.get("execution")),
        (
            "artifacts in ML Metadata",
            ", ".join(sorted(artifacts)),
        ),
        ("git commit", facts.get("git_commit")),
        ("configuration digest", facts.get("config_digest")),
        ("data digest", facts.get("data_digest")),
        ("schema digest", facts.get("schema_digest")),
        ("encoder fingerprint", facts.get("encoder_fingerprint")),
        ("made with", ", ".join(f"{name} {number}" for name, number in versions.items())),
    ]
    known = [row for row in rows if row[1]]
    return "## Origin\n\n" + _table(("what", "value"), known) if known else ""


def _table(header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4f}"
    return str(value).replace("|", "\\|").replace("\n", " ")


def _shape(shape: Any) -> str:
    return (
        "?" if shape is None else "[" + ", ".join("B" if axis is None else str(axis) for axis in shape) + "]"
    )
