"""Read a folder of images as a run would, and print what would be used and what would be set aside.

python examples/survey_source.py FOLDER
"""

import argparse

from tfx_contrastive.components.image_example_gen.config import ImageFolderSource, IngestConfig
from tfx_contrastive.components.image_example_gen.survey import survey_source


def main() -> None:
    """Survey the folder; it needs neither TFX nor TensorFlow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", help="one folder per class; unlabeled/ for images without a label")
    folder = parser.parse_args().folder

    survey = survey_source(IngestConfig(source=ImageFolderSource(path=folder)))
    source = survey.inspection
    print(f"{source.num_images} images, {source.num_labeled} of them labeled")
    for split, counts in source.labels.items():
        for label, count in sorted(counts.items()):
            print(f"  {split or 'any split'}  {label}: {count}")
    print(f"{survey.bad_share:.1%} of {survey.num_looked_at} images would be set aside")
    for reason, rejection in survey.rejections.items():
        print(f"  {reason}: {rejection.count}, such as {rejection.source} ({rejection.detail})")
    for warning in (*source.warnings, *survey.doubts):
        print(f"warning: {warning}")


if __name__ == "__main__":
    main()
