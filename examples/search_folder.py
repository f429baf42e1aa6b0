"""Find the images in a folder that are most similar to a given one, by the embeddings of a served model.

    python examples/search_folder.py MODEL IMAGE FOLDER

MODEL is the directory of a pushed version, such as runs/digits/serving/digits/1795744788.
"""

import argparse
import pathlib

import numpy as np

from tfx_contrastive.components.model.served import ServedModel


def main() -> None:
    """Embed all images, and print the nearest ones with their cosine similarities."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", help="directory of a SavedModel of this project")
    parser.add_argument("image", type=pathlib.Path, help="the image to search for")
    parser.add_argument("folder", type=pathlib.Path, help="folder of PNG files")
    parser.add_argument("--k", type=int, default=5, help="number of images to print")
    arguments = parser.parse_args()

    model = ServedModel(arguments.model)
    paths = sorted(arguments.folder.rglob("*.png"))
    known = model.embed([path.read_bytes() for path in paths])  # float32 [N, D], each row of length 1
    (query,) = model.embed([arguments.image.read_bytes()])
    similarities = known @ query
    for row in np.argsort(-similarities)[: arguments.k]:
        print(f"{similarities[row]:.3f}  {paths[row].relative_to(arguments.folder)}")


if __name__ == "__main__":
    main()
