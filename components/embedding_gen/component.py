"""The EmbeddingGen node."""

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from tfx_contrastive.components.artifacts import Embeddings
from tfx_contrastive.components.embedding_gen.config import EmbeddingConfig
from tfx_contrastive.components.embedding_gen.executor import Executor


class EmbeddingGenSpec(types.ComponentSpec):
    """Parameters, inputs and outputs of EmbeddingGen."""

    PARAMETERS = {  # noqa: RUF012 - TFX reads a plain dict
        "embedding": ExecutionParameter(type=str),
        "cache_dir": ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "model": ChannelParameter(type=standard_artifacts.Model),
    }
    OUTPUTS = {"embeddings": ChannelParameter(type=Embeddings)}  # noqa: RUF012


class EmbeddingGen(base_beam_component.BaseBeamComponent):
    """Embed the images of every split, or only new images if the encoder has not changed.

    Outputs:
        embeddings: `shards/*.parquet` and `meta.json` (docs/search.md). Custom properties:
            `encoder_fingerprint`, `dim`, `num_<split>`, `num_embedded`, `num_reused`, `whitened` (1 if
            vectors are whitened before they are compared, otherwise 0), `space` (the reason for that).
    """

    SPEC_CLASS = EmbeddingGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self, examples: types.BaseChannel, model: types.BaseChannel, embedding: str = "", cache_dir: str = ""
    ):
        """Create the node.

        Args:
            examples: The images.
            model: A model with the signature `embed_bytes`.
            embedding: `EmbeddingConfig` as JSON; empty: the defaults.
            cache_dir: Directory that records the newest embeddings of each encoder; if empty, every run
                embeds every image.
        """
        spec = EmbeddingGenSpec(
            examples=examples,
            model=model,
            embedding=embedding or EmbeddingConfig().model_dump_json(),
            cache_dir=cache_dir,
            embeddings=types.Channel(type=Embeddings),
        )
        super().__init__(spec=spec)
