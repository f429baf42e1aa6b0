"""Pretraining outside of a pipeline, such as in each replica of a TFJob.

    python -m tfx_contrastive.trainer_module.pretrain --examples 'E/*' --transform-graph T --model-dir M ...

Give directories of a run's artifacts, on a volume that all replicas mount.
"""

import argparse
import sys
from collections.abc import Sequence

from tfx_contrastive.contract import stopping
from tfx_contrastive.contract.errors import StoppedError
from tfx_contrastive.trainer_module.config import PretrainConfig, ServingConfig


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line; `--pretrain` becomes a PretrainConfig."""
    parser = argparse.ArgumentParser(
        "python -m tfx_contrastive.trainer_module.pretrain", description="Contrastive pretraining."
    )
    parser.add_argument("--examples", nargs="+", required=True, help="patterns of TFRecord files")
    parser.add_argument("--transform-graph", required=True, help="output of the Transform component")
    parser.add_argument(
        "--model-dir", required=True, help="directory for the SavedModel and the Keras weights"
    )
    parser.add_argument(
        "--state-dir",
        required=True,
        help="directory for checkpoints and logs; keep it to resume",
    )
    parser.add_argument(
        "--pretrain",
        type=PretrainConfig.model_validate_json,
        default=PretrainConfig(),
        help="section `pretrain` of the configuration, as JSON",
    )
    return parser.parse_args(arguments)


def main() -> None:
    """Pretrain; with several workers, `TF_CONFIG` identifies this one."""
    own = parse()
    stopping.end_on_signals()
    from tfx_contrastive.trainer_module.dataset import ImageFiles
    from tfx_contrastive.trainer_module.pretrain import stage

    stage.run(
        files=ImageFiles(own.examples, (), own.transform_graph),  # only exports need the `eval` split
        config=own.pretrain,
        serving=ServingConfig(),
        checkpoint_root=f"{own.state_dir}/checkpoints",
        model_dir=own.model_dir,
        log_dir=f"{own.state_dir}/logs",
    )


if __name__ == "__main__":
    try:
        main()
    except StoppedError as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(stopping.EXIT_CODE)
