"""The CompatibilityCheck node."""

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

from tfx_contrastive.components.artifacts import CompatibilityReport
from tfx_contrastive.components.compatibility.config import CompatibilityConfig
from tfx_contrastive.components.compatibility.judgment import judge, write_judgment
from tfx_contrastive.components.embeddings import former, store
from tfx_contrastive.components.gates.samples import read_samples


@component
def CompatibilityCheck(  # noqa: N802 - the name is the node's id
    examples: InputArtifact[standard_artifacts.Examples],
    model: InputArtifact[standard_artifacts.Model],
    compatibility: OutputArtifact[CompatibilityReport],
    serving_dir: Parameter[str],
    config: Parameter[str] = "{}",
    embeddings_cache_dir: Parameter[str] = "",
) -> None:
    """Compare the candidate's embeddings with those of the model in use.

    The result is information and stops no run. RegistryPusher must run after this node, because it changes
    which model is in use.

    Args:
        examples: Images; one split of them is used.
        model: The candidate, a classifier or an encoder.
        compatibility: `compatibility.json`. Custom properties: `verdict`, `reason`, `compared_with`,
            `new_fingerprint`, `former_fingerprint` and, where measured, the figures.
        serving_dir: Directory of numeric versions; the newest is in use.
        config: CompatibilityConfig as JSON.
        embeddings_cache_dir: Directory in which EmbeddingGen records the embeddings of each encoder; empty
            for none.
    """
    settings = CompatibilityConfig.model_validate_json(config)

    def read_images() -> list[bytes]:
        split_dirs = artifact_utils.get_split_uris([examples], settings.split)
        return list(read_samples(split_dirs, settings.max_images, 0)[0].images)

    def is_whitened(encoder_fingerprint: str) -> bool:
        uri = former.find(embeddings_cache_dir, encoder_fingerprint)
        return bool(uri) and store.read_meta(uri).space.is_whitened

    judgment = judge(
        path_utils.serving_model_path(model.uri), serving_dir, read_images, settings, is_whitened
    )
    write_judgment(judgment, settings, compatibility.uri)
    for name in ("verdict", "compared_with", "new_fingerprint", "former_fingerprint"):
        compatibility.set_string_custom_property(name, getattr(judgment, name))
    compatibility.set_string_custom_property(
        "reason", "; ".join(judgment.reasons) or "every threshold was met"
    )
    for name in ("neighbor_overlap", "cross_overlap", "linear_cka"):
        value = getattr(judgment, name)
        if value is not None:
            compatibility.set_float_custom_property(name, value)
