"""The run report: one HTML file with verdict, metrics and images of a run, and a TensorBoard directory."""

import pathlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfx_contrastive.pipeline.config import PipelineConfig


def write_report(
    config: "PipelineConfig",
    run: str | None = None,
    compare: str | None = None,
    out: pathlib.Path | None = None,
    benchmark: pathlib.Path | None = None,
) -> pathlib.Path:
    """Write the report of a run: one HTML file that works offline, and a TensorBoard directory.

    Args:
        config: The pipeline and the place of its metadata. The configuration of the run itself is read from
            ML Metadata.
        run: Id of the run, the beginning of one id, or `latest`; None is `latest`.
        compare: A second run to compare with, named in the same way; None for no comparison.
        out: Path of the HTML file; None for `<root>/reports/<run id>.html`.
        benchmark: Result of the label-efficiency benchmark; None for `<root>/label_efficiency.json`, if
            that file exists.

    Returns:
        The path of the HTML file.

    Raises:
        NotFoundError: If there is no such run (the text lists the known runs), or `benchmark` can't be read.
    """
    from tfx_contrastive.pipeline.report.writing import write  # imports TensorFlow and TFMA

    return write(config, run, compare, out, benchmark)
