"""The second training stage: a classifier from few labels on the pretrained encoder."""

from tfx_contrastive.trainer_module.head.train import HeadMetrics, TrainedHead, train_head

__all__ = ["HeadMetrics", "TrainedHead", "train_head"]
