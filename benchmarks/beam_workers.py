"""Beam workers on one machine: Transform in this process against one and two worker processes.

70,000 images; the bar is 1.5 times as fast with two worker processes as with one. Needs a quiet machine with
two cores: it is wall time that is compared.
"""

import tempfile

from benchmarks.data_plane import DataPlane
from pipeline.config.beam import BeamConfig

NUM_IMAGES = 70_000
ENGINES = {
    "`local`, in this process": BeamConfig(),
    "`local-parallel`, 1 process": BeamConfig(profile="local-parallel", workers=1),
    "`local-parallel`, 2 processes": BeamConfig(profile="local-parallel", workers=2),
}


def main() -> None:
    """Prints one table, and the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        plane = DataPlane(folder, NUM_IMAGES)
        plane.ingest()
        plane.statistics()
        print("| engine | Transform |")
        print("|---|---|")
        taken = []
        for name, config in ENGINES.items():
            taken.append(plane.transform(*config.pipeline_args()).seconds)
            print(f"| {name} | {taken[-1]:.1f} s |", flush=True)
    print(f"\nTwo processes against one: {taken[1] / taken[2]:.2f} times as fast (bar 1.5); ", end="")
    print(f"against the engine in this process: {taken[0] / taken[2]:.2f} times.")


if __name__ == "__main__":
    main()
