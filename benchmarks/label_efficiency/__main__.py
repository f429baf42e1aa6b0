"""`make benchmark-labels`: accuracy by number of labels per class. Continues after an interruption.

Pretrains once, without labels, and then fits every method for every budget and seed. Each result is saved to
the results file at once, so that the command can be stopped and repeated.

    python -m benchmarks.label_efficiency [--settings FILE] [--out FILE] [--work DIR] [--only FAMILY ...]
                                          [--discard-outdated]
"""

import argparse
import datetime
import functools
import importlib.metadata
import logging
import pathlib
import platform
import subprocess
import sys
import time

import keras
import psutil

from benchmarks.label_efficiency.data import Splits, read_splits, with_budget
from benchmarks.label_efficiency.methods import FAMILIES, PRETRAINING, Family, Task, applies, digests
from benchmarks.label_efficiency.results import (
    Pretraining,
    Report,
    Result,
    Store,
    comparison,
    table,
    write_plot,
)
from benchmarks.label_efficiency.settings import SETTINGS, Settings, read_settings
from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.trainer_module.encoders.build import load_encoder, save_encoder
from tfx_contrastive.trainer_module.pretrain.loop import pretrain

RESULTS = pathlib.Path(__file__).parents[1] / "results" / "label_efficiency.json"


def main() -> None:
    """Compute the missing results, then write table and plot."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--settings", type=pathlib.Path, default=SETTINGS)
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("runs/label-efficiency"))
    parser.add_argument("--only", nargs="*", choices=sorted(FAMILIES), help="only these methods")
    parser.add_argument("--discard-outdated", action="store_true", help="discard results of other settings")
    options = parser.parse_args()
    sys.argv = sys.argv[:1]  # Beam reads what is left there
    logging.getLogger("tfx_contrastive.progress").setLevel(logging.INFO)
    settings = read_settings(options.settings)
    try:
        store = Store(
            options.out,
            fresh_report(settings),
            functools.partial(digests, settings),
            options.discard_outdated,
        )
    except ValueError as error:
        sys.exit(str(error))
    root = options.work.absolute()
    config = load_config(settings.dataset, [f"root={root}/data", "data.labels_per_class=null"])
    splits = read_splits(config)
    families = [FAMILIES[name] for name in options.only or FAMILIES]
    encoder = None
    if any(family.needs_pretraining for family in families):
        encoder = pretrained(settings, splits, root, store)
    for labels in settings.labels_per_class:
        for seed in settings.seeds(labels):
            task = Task(
                with_budget(splits.train, labels, seed), splits, encoder, settings.for_budget(labels), seed
            )
            for family in families:
                fill(family, labels, task, store)
    print(table(store.report), comparison(store.report), sep="\n\n")
    print(write_plot(store.report, options.out.with_suffix(".png")))


def fill(family: Family, labels: int | None, task: Task, store: Store) -> None:
    """Compute the missing results of a family of methods, for one budget and seed."""
    missing = [
        method
        for method in family.methods
        if applies(method, labels) and not store.report.find(method, labels, task.seed)
    ]
    if not missing:
        return
    started, cpu_started = time.monotonic(), time.process_time()
    for method, found in family.run(task):
        result = Result(
            method=method,
            labels_per_class=labels,
            seed=task.seed,
            test_accuracy=found.test_accuracy,
            eval_accuracy=found.eval_accuracy,
            seconds=round(time.monotonic() - started, 1),
            cpu_seconds=round(time.process_time() - cpu_started, 1),
            config_digest=task.settings.digest(family.methods[method]),
            commit=commit(),
            finished=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            details=found.details,
        )
        if method in missing:
            store.add(result)
        budget = "all" if labels is None else labels
        print(
            f"{method}, {budget} labels per class, seed {task.seed}: test {found.test_accuracy:.4f}, "
            f"{result.seconds:.0f} s",
            flush=True,
        )


def pretrained(settings: Settings, splits: Splits, root: pathlib.Path, store: Store) -> keras.Model:
    """Return the encoder, trained without labels; read it from disk if it was trained before."""
    digest = settings.digest(PRETRAINING)
    directory = root / digest
    # Written last: if it exists, the encoder is complete.
    record = directory / "pretraining.json"
    if not record.exists():
        train = splits.train
        hidden = with_budget(train, 0, seed=0)
        started, cpu_started = time.monotonic(), time.process_time()
        encoder = pretrain(hidden, settings.pretrain, str(directory / "checkpoints"), str(directory / "logs"))
        save_encoder(
            str(directory / "encoder"),
            encoder,
            settings.pretrain.encoder,
            train.image_shape,
            train.mean,
            train.std,
        )
        took = Pretraining(
            num_steps=settings.pretrain.num_steps,
            num_images=settings.pretrain.num_steps * settings.pretrain.batch_size,
            seconds=round(time.monotonic() - started, 1),
            cpu_seconds=round(time.process_time() - cpu_started, 1),
            config_digest=digest,
            commit=commit(),
        )
        record.write_text(took.model_dump_json(indent=1) + "\n", encoding="utf-8")
    store.set_pretraining(Pretraining.model_validate_json(record.read_text(encoding="utf-8")))
    return load_encoder(str(directory / "encoder"))


def fresh_report(settings: Settings) -> Report:
    """Return a report without results, with data set, hardware and versions."""
    memory = psutil.virtual_memory().total / 2**30
    return Report(
        dataset=settings.dataset,
        encoder=settings.pretrain.encoder.name,
        hardware=f"{psutil.cpu_count()} cores, {platform.machine()}, {memory:.0f} GiB, no GPU",
        versions={name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "tfx")},
    )


def commit() -> str:
    """Return the commit that is checked out, followed by `-dirty` if files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
