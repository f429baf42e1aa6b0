"""The executor of EmbeddingGen, which runs the Beam transform."""

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from tfx_contrastive.components.embeddings import former, store
from tfx_contrastive.components.model.fingerprint import encoder_fingerprint

from . import transforms


class Executor(base_beam_executor.BaseBeamExecutor):
    """Write the embeddings and set the artifact's properties."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Embed every image.

        Args:
            input_dict: `examples` and `model`.
            output_dict: `embeddings`.
            exec_properties: `embedding` (JSON of EmbeddingConfig) and `cache_dir`.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        model = artifact_utils.get_single_instance(input_dict["model"])
        artifact = artifact_utils.get_single_instance(output_dict["embeddings"])
        model_dir, cache_dir = path_utils.serving_model_path(model.uri), exec_properties["cache_dir"]
        fingerprint = encoder_fingerprint(model_dir)
        names = artifact_utils.decode_split_names(examples.split_names)
        split_dirs = {name: artifact_utils.get_split_uris([examples], name) for name in names}
        tasks = transforms.tasks_for(examples.uri, split_dirs, artifact.uri)
        with self._make_beam_pipeline() as pipeline:
            pipeline | transforms.EmbedExamples(
                tasks,
                model_dir,
                examples.uri,
                artifact.uri,
                former.find(cache_dir, fingerprint),
                exec_properties["embedding"],
            )
        meta = store.read_meta(artifact.uri)
        artifact.set_string_custom_property("encoder_fingerprint", meta.encoder_fingerprint)
        for name in ("dim", "num_embedded", "num_reused"):
            artifact.set_int_custom_property(name, getattr(meta, name))
        artifact.set_int_custom_property("whitened", int(meta.space.is_whitened))
        artifact.set_string_custom_property("space", meta.space.reason)
        for split, count in meta.num_images.items():
            artifact.set_int_custom_property(f"num_{split}", count)
        if cache_dir:
            former.remember(cache_dir, fingerprint, artifact.uri)
