"""The run report: what ran, what is blessed and why, told from ML Metadata and the run's artifacts."""

import pathlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfx_contrastive.pipeline.config import PipelineConfig


def write_report(
    config: "PipelineConfig",
    run_id: str | None = None,
    compare: str | None = None,
    out: pathlib.Path | None = None,
    benchmark: pathlib.Path | None = None,
) -> pathlib.Path:
    """Writes the report of a run: one HTML file that works offline, and a TensorBoard directory.

    Args:
        config: Names the pipeline and where its metadata is; the run's own configuration is read from
            its executions.
        run_id: Which run; None: the newest.
        compare: A second run to put beside it; None: none.
        out: Where to; None: `<root>/reports/<run id>.html`.
        benchmark: A result of the label-efficiency benchmark to show; None: `<root>/label_efficiency.json`
            where there is one.

    Returns:
        The file that was written.

    Raises:
        NotFoundError: If there is no such run (the text lists the known ones), or `benchmark` is no result.
    """
    from tfx_contrastive.pipeline.report.writing import write  # imports TensorFlow and TFMA

    return write(config, run_id, compare, out, benchmark)
