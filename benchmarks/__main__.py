"""`make bench`: runs every benchmark, or those that are named, and prints their tables."""

import importlib
import sys

BENCHMARKS = (
    "whole_run",
    "pretrain_throughput",
    "training_parts",
    "embedding",
    "search",
    "serving",
    "batch_memory",
    "suggest",
    "registry",
    "drift",
)


def main(names: list[str]) -> None:
    """Runs benchmarks by name; without names, all."""
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        sys.exit(f"Unknown benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}.")
    for name in names or BENCHMARKS:
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"\n## {name}: {(module.__doc__ or '').splitlines()[0]}\n", flush=True)
        module.main()


if __name__ == "__main__":
    main(sys.argv[1:])
