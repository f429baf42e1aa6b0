"""Pretraining alone, outside of a pipeline: what each replica of a TFJob runs.

    python -m trainer_module.pretrain --examples 'E/*' --transform-graph T --model-dir M --state-dir S

The directories are those of a run's artifacts, on a volume that every replica mounts.
"""

import argparse
import sys
from collections.abc import Sequence

from tfx_contrastive.contract import stopping
from tfx_contrastive.contract.errors import StoppedError
from tfx_contrastive.trainer_module.config import PretrainConfig, ServingConfig


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; `pretrain` becomes a PretrainConfig."""
    parser = argparse.ArgumentParser(
        "python -m trainer_module.pretrain", description="Contrastive pretraining."
    )
    parser.add_argument("--examples", nargs="+", required=True, help="patterns of TFRecord files")
    parser.add_argument("--transform-graph", required=True, help="the output of Transform")
    parser.add_argument("--model-dir", required=True, help="SavedModel, encoder.json, encoder.weights.h5")
    parser.add_argument(
        "--state-dir", required=True, help="checkpoints and logs; kept, to go on after a stop"
    )
    parser.add_argument(
        "--pretrain",
        type=PretrainConfig.model_validate_json,
        default=PretrainConfig(),
        help="the section `pretrain` of the configuration, as JSON",
    )
    return parser.parse_args(arguments)


def main() -> None:
    """Pretrain; `TF_CONFIG` says which of several workers this one is."""
    own = parse()
    stopping.end_on_signals()
    from tfx_contrastive.trainer_module.pretrain import stage

    stage.run(
        files=own.examples,
        eval_files=(),  # exports to other formats are measured on them: there are none here
        transform_dir=own.transform_graph,
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
