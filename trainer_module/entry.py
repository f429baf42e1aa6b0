"""Entry points for TFX: functions that unpack the arguments of Trainer and Tuner and call the stages."""

from tfx import v1 as tfx

from tfx_contrastive.trainer_module.config import HeadConfig, PretrainConfig, ServingConfig, TunerConfig


def pretrain_run_fn(fn_args: tfx.components.FnArgs) -> None:
    """Pretrain an encoder on the images of all files: the `run_fn` of the Pretrainer.

    Args:
        fn_args: `train_files` and `eval_files`: labeled and unlabeled images. `transform_output`,
            `serving_model_dir`, `model_run_dir`. `hyperparameters`: the Tuner's best, or None.
            `custom_config`: `pretrain` (PretrainConfig as JSON), `serving` (ServingConfig as JSON),
            `checkpoint_root`, a directory that is the same in all runs, and, with a Tuner, `tuner`
            (TunerConfig as JSON).
    """
    from tfx_contrastive.trainer_module.dataset import ImageFiles
    from tfx_contrastive.trainer_module.pretrain import stage

    config = PretrainConfig.model_validate_json(fn_args.custom_config["pretrain"])
    if fn_args.hyperparameters:
        from tfx_contrastive.trainer_module.tuning import tuned

        space = TunerConfig.model_validate_json(fn_args.custom_config["tuner"])
        config = tuned(config, space, fn_args.hyperparameters)
    stage.run(
        files=ImageFiles(
            train=_unique([*fn_args.train_files, *fn_args.eval_files]),
            evaluation=fn_args.eval_files,
            transform_dir=fn_args.transform_output,
        ),
        config=config,
        serving=ServingConfig.model_validate_json(fn_args.custom_config["serving"]),
        checkpoint_root=fn_args.custom_config["checkpoint_root"],
        model_dir=fn_args.serving_model_dir,
        log_dir=f"{fn_args.model_run_dir}/logs",
    )


def tuner_fn(fn_args: tfx.components.FnArgs) -> tfx.components.TunerFnResult:
    """Build the search for hyperparameters of pretraining, scored on `eval`: the `tuner_fn` of the Tuner.

    Args:
        fn_args: `train_files` and `eval_files`: labeled and unlabeled images. `transform_graph_path`.
            `custom_config`: `pretrain`, `tuner` and `checkpoint_root`, as for `pretrain_run_fn`.

    Returns:
        The tuner, ready to search.
    """
    from tfx_contrastive.trainer_module import tuning

    tuner = tuning.build(
        train_files=fn_args.train_files,
        eval_files=fn_args.eval_files,
        transform_dir=fn_args.transform_graph_path,
        config=PretrainConfig.model_validate_json(fn_args.custom_config["pretrain"]),
        space=TunerConfig.model_validate_json(fn_args.custom_config["tuner"]),
        checkpoint_root=fn_args.custom_config["checkpoint_root"],
    )
    return tfx.components.TunerFnResult(tuner=tuner, fit_kwargs={"verbose": 0})


def head_run_fn(fn_args: tfx.components.FnArgs) -> None:
    """Train a classifier on the Pretrainer's encoder from the labeled images: the `run_fn` of the Trainer.

    Args:
        fn_args: `train_files` and `eval_files`: labeled and unlabeled images. `transform_output`,
            `base_model` (the Pretrainer's model), `serving_model_dir`. `custom_config`: `head` and
            `serving` (HeadConfig and ServingConfig as JSON).
    """
    from tfx_contrastive.trainer_module.dataset import ImageFiles
    from tfx_contrastive.trainer_module.head import stage

    stage.run(
        files=ImageFiles(fn_args.train_files, fn_args.eval_files, fn_args.transform_output),
        encoder_dir=fn_args.base_model,
        model_dir=fn_args.serving_model_dir,
        config=HeadConfig.model_validate_json(fn_args.custom_config["head"]),
        serving=ServingConfig.model_validate_json(fn_args.custom_config["serving"]),
    )


def _unique(patterns: list[str]) -> list[str]:
    """Return each pattern once, in order: the Pretrainer's training files may include those of `eval`."""
    return list(dict.fromkeys(patterns))
