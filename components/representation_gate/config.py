"""Thresholds and sample sizes of the representation gate."""

from pydantic import Field

from tfx_contrastive.components.examples.model_input import SeenAs
from tfx_contrastive.contract.frozen import Frozen


class GateConfig(Frozen):
    """Thresholds and sample sizes of the representation gate.

    A threshold of None is not applied. Thresholds on kNN and linear probe apply where `train` and `eval`
    have labels; `min_view_retrieval_gain` stands in for them where they have none.

    There are four groups; each detects one kind of failure:

    - *Collapse* to a constant or to few directions: `min_effective_rank`, `min_embedding_std`,
      `max_uniformity`. Every trained encoder is far from the defaults. These thresholds don't detect an
      untrained encoder: random convolutions give a covariance of the same rank as learned ones.
    - *Nothing learned*: the `*_gain` thresholds compare the encoder with twins whose weights are shuffled
      (`encoders.py`), so they need no knowledge of the data set or the architecture. On Fashion-MNIST with 60
      labels per class, untrained encoders gain -0.05 to 0.03, and one after 500 SimCLR steps 0.3 to 0.37.
    - *Worse than pixels*: the `*_margin_over_pixels` thresholds compare accuracies on `eval` with the best of
      the pixel baselines. They refuse an encoder only if the whole 95 % interval of the paired difference
      lies below the threshold, so that no encoder is refused by chance.
    - *Not good enough for this task*: the absolute accuracies and the gain over pixels. They are None by
      default, because only the team that owns the data knows what it needs.
    """

    min_effective_rank: float | None = Field(
        2.5, ge=1, description="an encoder with one direction has at most 2 after normalization"
    )
    min_embedding_std: float | None = Field(0.1, ge=0, le=1, description="1 is evenly spread on the sphere")
    max_uniformity: float | None = Field(-0.1, le=0, description="0 is a constant encoder")
    min_knn_gain: float | None = Field(
        0.1, le=1, description="share of the twins' kNN errors that are avoided"
    )
    min_linear_probe_gain: float | None = Field(
        0.1, le=1, description="share of the twins' errors that are avoided"
    )
    min_view_retrieval_gain: float | None = Field(0.05, le=1, description="used without labels only")
    min_knn_margin_over_pixels: float | None = Field(
        0.0, ge=-1, le=1, description="kNN accuracy minus that of the best pixels, beyond chance"
    )
    min_linear_probe_margin_over_pixels: float | None = Field(
        0.0, ge=-1, le=1, description="linear-probe accuracy minus that of the best pixels, beyond chance"
    )
    min_knn_accuracy: float | None = Field(None, ge=0, le=1)
    min_linear_probe_accuracy: float | None = Field(None, ge=0, le=1)
    min_gain_over_pixels: float | None = Field(
        None, le=1, description="share of the errors of the best linear probe on pixels that are avoided"
    )

    k: int = Field(20, ge=1, description="neighbors of the kNN probe")
    temperature: float = Field(0.07, gt=0, description="weights of the neighbors: exp(cosine / temperature)")
    whitening_ridge: float = Field(0.3, gt=0, description="as embedding.whitening_ridge")
    num_twins: int = Field(4, ge=1, le=20, description="permuted copies of the encoder to compare with")
    max_labeled_train: int = Field(2_000, ge=10, description="labeled training images of the probes")
    max_eval: int = Field(10_000, ge=10)
    max_twin_eval: int = Field(3_000, ge=10, description="eval images on which the twins are compared")
    max_test: int = Field(10_000, ge=0)
    num_label_free: int = Field(2_000, ge=100, description="images of the label-free metrics")
    num_views: int = Field(1_000, ge=50, description="images of which a second view is retrieved")
    seen_as: SeenAs = Field(SeenAs(), description="the pipeline sets it from `image`; do not write it")
    batch_size: int = Field(256, ge=1)
    seed: int = 0
