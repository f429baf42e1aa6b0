"""Run the benchmarks and print their tables; each compares speed or memory with a baseline in the same run.

Without names, all of the benchmarks below run one after the other.
"""

import argparse
import ast
import importlib
import pathlib
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
# These take arguments or hours, so they are run by themselves.
OWN_COMMANDS = ("data_plane", "resize", "emoji", "label_efficiency")


def main(arguments: list[str]) -> None:
    """Run benchmarks by name; without names, all."""
    listed = (f"  {name:20} {summary(name)}" for name in BENCHMARKS)
    own = (f"  python -m benchmarks.{name:17} {summary(name)}" for name in OWN_COMMANDS)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog="\n".join(["benchmarks:", *listed, "", "benchmarks with commands of their own:", *own]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="a benchmark of the list below")
    names = parser.parse_args(arguments).names
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"unknown benchmark {', '.join(unknown)}; expected one of {', '.join(BENCHMARKS)}")
    for name in names or BENCHMARKS:
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"\n## {name}: {summary(name)}\n", flush=True)
        module.main()


def summary(name: str) -> str:
    """Return the first line of a benchmark's docstring, without importing the benchmark."""
    path = pathlib.Path(__file__).with_name(name)
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


if __name__ == "__main__":
    main(sys.argv[1:])
