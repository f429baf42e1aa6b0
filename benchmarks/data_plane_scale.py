"""The data plane from 10,000 to 500,000 images: CPU time an image, peak memory of the worker.

`python -m benchmarks.data_plane_scale [NUM_IMAGES …]`; without numbers 10,000, 70,000, 200,000 and 500,000,
about 15 minutes on two cores. The figure to look at is the last but one: microseconds of CPU for each image
*more* than in the row above, since starting a component costs the same for any number of images. CPU time,
and not wall time, stays the same on a machine that others use too.
"""

import json
import subprocess
import sys
import tempfile

SIZES = (10_000, 70_000, 200_000, 500_000)
COMPONENTS = ("ingest", "statistics", "transform", "evaluation")


def main(sizes: tuple[int, ...] = SIZES) -> None:
    """Prints one table; each size is measured in a process of its own."""
    print("| component | images | seconds | CPU s | µs CPU an image | µs CPU an image more | peak memory |")
    print("|---|---|---|---|---|---|---|")
    before: dict[str, tuple[int, float]] = {}
    for size in sizes:
        command = [sys.executable, "-m", "benchmarks.data_plane_scale", "--measure", str(size)]
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for name, (seconds, cpu, peak) in json.loads(done.stdout.splitlines()[-1]).items():
            more = ""
            if name in before:
                fewer, less = before[name]
                more = f"{(cpu - less) / (size - fewer) * 1e6:.0f}"
            before[name] = size, cpu
            print(
                f"| {name} | {size:,} | {seconds:.1f} | {cpu:.1f} | {cpu / size * 1e6:.0f} | {more} "
                f"| {peak / 2**30:.2f} GiB |",
                flush=True,
            )


def measure(size: int) -> None:
    """Prints the costs of one size as JSON."""
    from benchmarks.data_plane import DataPlane

    with tempfile.TemporaryDirectory() as folder:
        plane = DataPlane(folder, size)
        costs = {name: getattr(plane, name)() for name in COMPONENTS}
    print(json.dumps({name: (c.seconds, c.cpu_seconds, c.peak_bytes) for name, c in costs.items()}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(int(sys.argv[2]))
    else:
        main(tuple(int(value) for value in sys.argv[1:]) or SIZES)
