"""Beam workers on one machine: Transform in this process against one and two worker processes.

The bar is 1.5 times as fast with two worker processes as with one on 70,000 images. A larger number says how
much of the time is the start of the processes and how much grows with the images. Needs a quiet machine with
two cores: it is wall time that is compared.

    python -m benchmarks.beam_workers [NUM_IMAGES NUM_IMAGES]
"""

import sys
import tempfile

from benchmarks.data_plane import DataPlane
from tfx_contrastive.pipeline.config.platforms import BeamConfig

SIZES = (70_000, 500_000)
ENGINES = {
    "`local`, in this process": BeamConfig(),
    "`local-parallel`, 1 process": BeamConfig(profile="local-parallel", workers=1),
    "`local-parallel`, 2 processes": BeamConfig(profile="local-parallel", workers=2),
}


def main(sizes: tuple[int, int] = SIZES) -> None:
    """Prints one table, and the ratios."""
    few, many = (_seconds(size) for size in sizes)
    print(f"| engine | Transform, {sizes[0]:,} images | {sizes[1]:,} images | each 100,000 images more |")
    print("|---|---|---|---|")
    more = {name: (many[name] - few[name]) / (sizes[1] - sizes[0]) * 1e5 for name in ENGINES}
    for name in ENGINES:
        print(f"| {name} | {few[name]:.1f} s | {many[name]:.1f} s | {more[name]:.1f} s |")
    _, one, two = ENGINES
    for what, seconds in ((f"{sizes[0]:,} images", few), (f"{sizes[1]:,} images", many), ("each more", more)):
        print(f"Two processes against one, {what}: {seconds[one] / seconds[two]:.2f} times as fast")


def _seconds(num_images: int) -> dict[str, float]:
    """Seconds of Transform by engine."""
    with tempfile.TemporaryDirectory() as folder:
        plane = DataPlane(folder, num_images)
        plane.ingest()
        plane.statistics()
        return {name: plane.transform(*config.pipeline_args()).seconds for name, config in ENGINES.items()}


if __name__ == "__main__":
    sizes = tuple(int(value) for value in sys.argv[1:])
    sys.argv = sys.argv[:1]  # Beam reads what is left there
    main(sizes if len(sizes) == 2 else SIZES)
