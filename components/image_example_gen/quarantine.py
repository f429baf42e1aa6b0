"""The quarantine: the images that were set aside with their reasons, and the counts of a whole ingest."""

import collections
import dataclasses
import json
import os
import posixpath
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tfx_contrastive.components.examples.names import listed
from tfx_contrastive.components.image_example_gen.config import IngestConfig
from tfx_contrastive.components.image_example_gen.splits import UNLABELED, SplitPlan
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import DataError
from tfx_contrastive.contract.examples import SPLITS

from .records import SetAside, StagedChunk

MAX_SAMPLES = 100
RECORDS_FILE = "records.jsonl"
SUMMARY_FILE = "summary.json"
SAMPLES_DIRECTORY = "images"


def check_bad_fraction(chunks: Sequence[StagedChunk], config: IngestConfig) -> None:
    """Stop the run if no image was read, or too many were set aside.

    Raises:
        DataError: With the most frequent reasons and some of the images.
    """
    num_good = sum(len(chunk.sources) for chunk in chunks)
    set_aside = _all_set_aside(chunks)
    num_read = num_good + len(set_aside)
    if num_read == 0:
        raise DataError(f"Received {config.source}, which holds no image; expected images.")
    if num_good and len(set_aside) <= config.max_bad_fraction * num_read:
        return
    counts = collections.Counter(each.reason.value for each in set_aside).most_common(3)
    reasons = ", ".join(f"{name} {count:,}" for name, count in counts)
    examples = "\n".join(f"  {each.source}: {each.reason.value}, {each.detail}" for each in set_aside[:5])
    raise DataError(
        f"{len(set_aside):,} of {num_read:,} images of {config.source} can't be used "
        f"({len(set_aside) / num_read:.1%}); at most {config.max_bad_fraction:.1%} may be set aside "
        f"(data.max_bad_fraction). Most frequent: {reasons}. For example:\n{examples}\n"
        "Repair or remove them, or raise the limit."
    )


def summarize(chunks: Sequence[StagedChunk], plan: SplitPlan | None, error: str = "") -> dict[str, Any]:
    """Return the content of `summary.json`: the counts of an ingest.

    Args:
        chunks: The staged chunks.
        plan: The decision on every image; None if there is none.
        error: The reason why the run stops; empty if it does not.
    """
    set_aside = _all_set_aside(chunks)
    summary: dict[str, Any] = {
        "read": sum(len(chunk.sources) for chunk in chunks) + len(set_aside),
        "set_aside": dict(sorted(collections.Counter(each.reason.value for each in set_aside).items())),
        "error": error,
        "deepest_value": max((chunk.deepest for chunk in chunks), default=0),
    }
    if plan is not None:
        written = {name: _split_counts(plan, code) for code, name in enumerate(SPLITS)}
        summary |= {
            "classes_lost": lost_classes(
                chunks, {name for each in written.values() for name in each["labeled"]}
            ),
            "written": written,
            "duplicates": dataclasses.asdict(plan.duplicates),
            "labels_hidden": plan.labels_hidden,
            "labels_given": plan.labels_given,
            "unlabeled_dropped": plan.unlabeled_dropped,
            "groups": plan.groups.census.num_groups if plan.groups else 0,
            "group_warnings": plan.groups.census.warnings() if plan.groups else [],
            "classes_absent": {
                name: sorted(set(written["train"]["labeled"]) - set(written[name]["labeled"]))
                for name in SPLITS[1:]
            },
        }
    return summary


def lost_classes(chunks: Sequence[StagedChunk], kept: Collection[str] | None = None) -> list[str]:
    """Return the classes that the source names, but of which no image is left, sorted.

    Args:
        chunks: The staged chunks.
        kept: Classes with an image in the end; None: those with an image that could be read.
    """
    read = {label for chunk in chunks for label in chunk.labels if label is not None}
    named = read | {each.label for each in _all_set_aside(chunks) if each.label is not None}
    return sorted(named - set(read if kept is None else kept))


def lost_text(classes: Sequence[str]) -> str:
    """Return a sentence about lost classes, of which there is at least one."""
    which = "this class" if len(classes) == 1 else "these classes"
    names = listed([repr(name) for name in classes])
    return f"No usable image of {names} is left: the model will not know {which}."


def _split_counts(plan: SplitPlan, code: int) -> dict[str, Any]:
    labels = plan.labels[plan.splits == code]
    counts = np.bincount(labels[labels != UNLABELED], minlength=len(plan.class_names))
    return {
        "images": len(labels),
        "labeled": {name: int(count) for name, count in zip(plan.class_names, counts, strict=True) if count},
        "unlabeled": int((labels == UNLABELED).sum()),
    }


def write(directory: str, chunks: Sequence[StagedChunk], summary: Mapping[str, Any]) -> None:
    """Write records, summary and some of the images."""
    samples = _chosen_samples(_all_set_aside(chunks))
    with files.create_binary(os.path.join(directory, RECORDS_FILE)) as file:
        for each in _all_set_aside(chunks):
            record = {
                "source": each.source,
                "reason": each.reason.value,
                "detail": each.detail,
                "digest": each.digest,
                "sample": samples.get(each.sample, ""),
            }
            line = json.dumps(record, ensure_ascii=False) + "\n"
            file.write(line.encode("utf-8", "surrogateescape"))
    for staged, relative in samples.items():
        files.copy(staged, os.path.join(directory, relative))
    write_summary(directory, summary)


def write_summary(directory: str, summary: Mapping[str, Any]) -> None:
    """Write `summary.json`; an existing one is replaced."""
    text = json.dumps(summary, ensure_ascii=False, indent=2)
    files.write_text(os.path.join(directory, SUMMARY_FILE), text)


def read_summary(directory: str) -> dict[str, Any]:
    """Read `summary.json`; runs before version 0.3 spelled its keys `labelled`."""
    summary: dict[str, Any] = json.loads(files.read_text(os.path.join(directory, SUMMARY_FILE)))
    for counts in (summary, *summary.get("written", {}).values()):
        for key in ("labelled", "unlabelled", "unlabelled_dropped"):
            if key in counts:
                counts[key.replace("labelled", "labeled")] = counts.pop(key)
    return summary


def _all_set_aside(chunks: Iterable[StagedChunk]) -> list[SetAside]:
    return [each for chunk in chunks for each in chunk.set_aside]


def _chosen_samples(set_aside: Iterable[SetAside]) -> dict[str, str]:
    """Return staged path -> path in the quarantine: images of every reason in turn, up to the limit."""
    by_reason = collections.defaultdict(list)
    for each in set_aside:
        if each.sample:
            by_reason[each.reason.value].append(each)
    chosen: dict[str, str] = {}
    for rank in range(max(map(len, by_reason.values()), default=0)):
        for reason in sorted(by_reason):
            if rank < len(by_reason[reason]) and len(chosen) < MAX_SAMPLES:
                each = by_reason[reason][rank]
                name = re.sub(r"[^A-Za-z0-9._-]", "_", posixpath.basename(each.source))[-80:]
                chosen[each.sample] = f"{SAMPLES_DIRECTORY}/{len(chosen):03d}-{reason}-{name}"
    return chosen
