"""SimCLR in lightly (PyTorch), as its users write it; `pretrain_throughput` compares with it.

It runs in another Python environment, with torch and lightly, and imports nothing of this project.

    python lightly_simclr.py images.npy c4n 512 6     # prints images/s with 0 and with 2 loader workers

Encoders, batch, optimizer and projection head are the same as on the other side; views are lightly's own
SimCLRTransform, without the color steps, which need three channels.
"""

import sys
import time

import numpy as np
import numpy.typing as npt
import torch
from lightly.loss import NTXentLoss
from lightly.models.modules import SimCLRProjectionHead
from lightly.transforms import SimCLRTransform
from PIL import Image
from torch import nn

WIDTHS = {"c4": (32, 64, 128, 256), "c4n": (16, 32, 64, 128)}


class Images(torch.utils.data.Dataset):
    """Two views of each image."""

    def __init__(self, pixels: npt.NDArray[np.uint8]) -> None:
        """Take uint8 [N, H, W]."""
        self.pixels = pixels
        self.transform = SimCLRTransform(
            input_size=pixels.shape[1],
            cj_prob=0.0,
            random_gray_scale=0.0,
            gaussian_blur=0.0,
            min_scale=0.25,
            normalize={"mean": [0.286], "std": [0.353]},
        )

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.pixels)

    def __getitem__(self, index: int) -> list[torch.Tensor]:
        """Return two float tensors [1, H, W]."""
        views: list[torch.Tensor] = self.transform(Image.fromarray(self.pixels[index]))
        return views


def build(name: str) -> nn.Module:
    """Return the encoder with its projection head."""
    layers, before = [], 1
    for width, stride in zip(WIDTHS[name], (1, 2, 2, 2), strict=True):
        layers += [nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        before = width
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), SimCLRProjectionHead(before, 256, 64)
    )


def images_per_second(
    pixels: npt.NDArray[np.uint8], name: str, batch_size: int, num_steps: int, workers: int
) -> float:
    """Return the throughput of `num_steps` training steps, after one step that is not timed."""
    torch.manual_seed(0)
    model, criterion = build(name), NTXentLoss(temperature=0.2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4)
    loader = torch.utils.data.DataLoader(
        Images(pixels), batch_size=batch_size, shuffle=True, drop_last=True, num_workers=workers
    )
    started = 0.0
    for step, (view_a, view_b) in enumerate(loader):
        loss = criterion(model(view_a), model(view_b))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step == 0:
            started = time.perf_counter()
        if step == num_steps:
            break
    return num_steps * batch_size / (time.perf_counter() - started)


if __name__ == "__main__":
    path, encoder, size, steps = sys.argv[1:]
    for count in (0, 2):
        print(images_per_second(np.load(path), encoder, int(size), int(steps), count), flush=True)
