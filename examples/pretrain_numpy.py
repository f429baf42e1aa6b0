"""Pretrain an encoder on a NumPy array of images without labels, and compare its features with raw pixels.

python examples/pretrain_numpy.py --steps 200
"""

import argparse
import tempfile

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from tfx_contrastive.contract.metrics.probes import knn_accuracy
from tfx_contrastive.trainer_module.config import Crop, ObjectiveConfig, PretrainConfig, ViewsConfig
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.pretrain.loop import pretrain


def unlabeled(images: NDArray[np.uint8]) -> ImageDataset:
    """Return a data set without labels of uint8 images [N, H, W, C]."""
    scaled = images / np.float32(255)
    return ImageDataset(
        images=images,
        label_index=np.full(len(images), -1),
        image_id=np.array([b"%d" % row for row in range(len(images))], dtype=object),
        mean=scaled.mean(axis=(0, 1, 2)),
        std=scaled.std(axis=(0, 1, 2)),
    )


def main() -> None:
    """Pretrain on the digits of scikit-learn, and print the accuracy of 20 nearest neighbors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=200, help="training steps")
    steps = parser.parse_args().steps

    digits = load_digits()
    images = (digits.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    labels = digits.target
    config = PretrainConfig(
        num_steps=steps,
        batch_size=256,
        views=ViewsConfig(policy=(Crop(min_area=0.5),)),  # no flip: a mirrored digit is another sign
        objective=ObjectiveConfig(name="nt_xent", params={"temperature": 0.2}),
    )
    with tempfile.TemporaryDirectory() as folder:
        encoder = pretrain(unlabeled(images), config, f"{folder}/checkpoints", f"{folder}/logs")
    features = encoder.predict(images, batch_size=256, verbose=0)
    pixels = images.reshape(len(images), -1)
    half = len(images) // 2
    for name, vectors in (("features", features), ("pixels", pixels)):
        accuracy = knn_accuracy(
            (vectors[:half], labels[:half]), (vectors[half:], labels[half:]), k=20, temperature=0.07
        )
        print(f"{name}: kNN accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
