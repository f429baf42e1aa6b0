"""The SimilarityIndexGen node."""

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component

from tfx_contrastive.components.artifacts import Embeddings, SimilarityIndex
from tfx_contrastive.components.similarity_index_gen.config import IndexConfig
from tfx_contrastive.components.similarity_index_gen.index import build_from_embeddings


@component
def SimilarityIndexGen(  # noqa: N802 - the name is the node's id
    embeddings: InputArtifact[Embeddings],
    similarity_index: OutputArtifact[SimilarityIndex],
    index: Parameter[str] = "{}",
) -> None:
    """Build an index over the embeddings.

    Args:
        embeddings: Embeddings by one encoder.
        similarity_index: `index.faiss`, `rows.parquet`, `index.json`. Custom properties: `kind`,
            `encoder_fingerprint`, `num_images`, `num_bytes`, `recall`, `whitening_fingerprint` (empty if
            vectors are not whitened).
        index: IndexConfig as JSON.
    """
    built = build_from_embeddings(embeddings.uri, IndexConfig.model_validate_json(index))
    built.save(similarity_index.uri)
    known = built.description
    similarity_index.set_string_custom_property("kind", known.kind)
    similarity_index.set_string_custom_property("encoder_fingerprint", known.encoder_fingerprint)
    similarity_index.set_string_custom_property("whitening_fingerprint", known.whitening_fingerprint)
    similarity_index.set_int_custom_property("num_images", known.num_images)
    similarity_index.set_int_custom_property("num_bytes", known.num_bytes)
    similarity_index.set_float_custom_property("recall", known.recall)
