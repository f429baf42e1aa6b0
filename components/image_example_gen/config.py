"""Configuration of ImageExampleGen (docs/data.md)."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from tfx_contrastive.components.examples.model_input import SeenAs
from tfx_contrastive.contract.frozen import Frozen

FASHION_MNIST_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"


def _require_names(names: tuple[str, ...]) -> tuple[str, ...]:
    empty = [str(position) for position, name in enumerate(names) if not name.strip()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if empty:
        raise ValueError(f"expected one name per class; that of class {', '.join(empty[:5])} is empty")
    if twice:
        raise ValueError(f"expected each name once; got several times: {', '.join(twice[:5])}")
    return names


ClassNames = Annotated[tuple[str, ...], AfterValidator(_require_names)]


class _TreeSource(Frozen):
    path: str
    layout: Literal["auto", "classes", "splits", "groups"] = Field(
        "auto", description="meaning of the top directories; groups: each holds the same classes"
    )


class ImageFolderSource(_TreeSource):
    """A directory tree: `<class>/…`, `unlabeled/…`, or the same under `train/`, `eval/`, `test/`."""

    kind: Literal["image_folder"] = "image_folder"
    follow_links: bool = Field(False, description="follow links that lead out of the folder")

    def __str__(self) -> str:
        return f"image folder {self.path}"


class ArchiveSource(_TreeSource):
    """A zip or tar file (also .tar.gz, .tar.bz2, .tar.xz) that holds an image folder."""

    kind: Literal["archive"] = "archive"

    def __str__(self) -> str:
        return f"archive {self.path}"


class CsvManifestSource(Frozen):
    """A CSV file with `path` and, where known, `label`, `split`, `group`; other columns are ignored."""

    kind: Literal["csv_manifest"] = "csv_manifest"
    path: str
    root: str | None = Field(None, description="directory of relative paths; None: the manifest's directory")
    path_column: str | None = Field(None, description="None: `path`, or another usual name of it")
    label_column: str | None = Field(None, description="None: `label`, or another usual name of it")
    split_column: str | None = Field(None, description="None: `split`, or another usual name of it")
    group_column: str | None = Field(
        None,
        description="scene, patient or burst that stays in one split; None: `group`, or another usual name; "
        "'': no column tells of groups",
    )
    follow_links: bool = Field(False, description="follow links that lead out of the root")

    def __str__(self) -> str:
        return f"manifest {self.path}"


class IdxSource(Frozen):
    """IDX files like MNIST's: `<prefix>-images-idx3-ubyte[.gz]`, `<prefix>-labels-idx1-ubyte[.gz]`."""

    kind: Literal["idx"] = "idx"
    path: str = Field(description="directory of the files")
    prefix: str = Field("", description="read only files with this prefix, such as `emnist-letters-`")
    class_names: ClassNames = Field((), description="name of class 0, 1, …; empty: the number itself")

    def __str__(self) -> str:
        return f"IDX files in {self.path}"


class NpzSource(Frozen):
    """A NumPy archive with `x_train`, `y_train`, `x_test`, `y_test`, or with `images` and `labels`."""

    kind: Literal["npz"] = "npz"
    path: str
    class_names: ClassNames = Field((), description="name of class 0, 1, …; empty: the number itself")

    def __str__(self) -> str:
        return f"NumPy archive {self.path}"


class TfRecordSource(Frozen):
    """TFRecord files of `tf.train.Example`; files under `train/`, `eval/`, `test/` keep that split."""

    kind: Literal["tfrecord"] = "tfrecord"
    path: str = Field(description="one file, or a directory of files")
    image_feature: str = "image"
    label_feature: str | None = Field(
        None,
        description="one bytes, int64 or whole float; absent, empty or negative: unlabeled. None: `label`, "
        "if records have it; '': labels are not read",
    )
    class_names: ClassNames = Field((), description="name of class 0, 1, … of an int64 label")

    def __str__(self) -> str:
        return f"TFRecord files {self.path}"


class FashionMnistSource(Frozen):
    """Fashion-MNIST: 60,000 training and 10,000 test images of 28x28x1 (arXiv:1708.07747)."""

    kind: Literal["fashion_mnist"] = "fashion_mnist"
    path: str | None = Field(None, description="directory of the four IDX files; None: searched for")
    cache_dir: str = "~/.cache/tfx-contrastive/fashion-mnist"
    url: str = Field(FASHION_MNIST_URL, description="URL of the directory with the four .gz files")

    def __str__(self) -> str:
        return f"Fashion-MNIST in {self.path}" if self.path else "Fashion-MNIST"


class DigitsSource(Frozen):
    """scikit-learn's bundled digits: 1,797 images of 8x8x1."""

    kind: Literal["digits"] = "digits"

    def __str__(self) -> str:
        return "scikit-learn's digits"


Source = Annotated[
    ImageFolderSource
    | ArchiveSource
    | CsvManifestSource
    | IdxSource
    | NpzSource
    | TfRecordSource
    | FashionMnistSource
    | DigitsSource,
    Field(discriminator="kind"),
]


class IngestConfig(Frozen):
    """The source, how to split it, and how many bad images to tolerate."""

    source: Source
    labels_per_class: int | None = Field(
        None, ge=1, description="hide the labels of all other training images; None: hide none"
    )
    labels_files: tuple[str, ...] = Field(
        (), description="CSV files whose labels replace the source's own; later files replace earlier ones"
    )
    eval_fraction: float = Field(0.1, gt=0, lt=1, description="of the images without an eval split")
    test_fraction: float = Field(0.1, gt=0, lt=1, description="of the images without a test split")
    group_pattern: str | None = Field(
        None,
        description="regular expression with one group, found in the file's name (with a slash: in the whole "
        "source): images with the same text stay in one split; a manifest's group column takes precedence",
    )
    seed: int = Field(
        0, ge=0, description="seed of the labels that the budget keeps; has no effect on splits"
    )
    cross_split_duplicates: Literal["move", "error"] = Field(
        "move", description="an image in two splits; move: keep it in test, or else in eval; error: fail"
    )
    max_bad_fraction: float = Field(0.05, ge=0, le=1, description="fail if a larger share is set aside")
    max_pixels: int = Field(
        50_000_000,
        ge=1,
        le=178_956_970,
        description="largest width times height; larger images are set aside",
    )
    max_file_bytes: int = Field(256 * 2**20, ge=1, description="larger files are set aside unread")
    seen_as: SeenAs = Field(SeenAs(), description="set from `image`; not for configuration files")
    chunk_images: int = Field(4096, ge=1, description="number of images that a worker reads at a time")
    # Components don't receive it, because it makes no difference to the examples.
    verify: Literal["changed", "all"] = Field(
        "changed", exclude=True, description="files that a run reads to find out if the data changed"
    )

    @field_validator("labels_files", mode="before")
    @classmethod
    def _one_file_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("group_pattern")
    @classmethod
    def _with_one_group(cls, pattern: str | None) -> str | None:
        try:
            num_groups = 1 if pattern is None else re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"expected a regular expression; {error}") from error
        if num_groups != 1:
            raise ValueError(f"expected one group in parentheses, such as ^(\\d+)_; got {num_groups}")
        return pattern

    @model_validator(mode="after")
    def _leave_something_to_train_on(self) -> "IngestConfig":
        if self.eval_fraction + self.test_fraction >= 1:
            raise ValueError(
                f"Received eval_fraction {self.eval_fraction} and test_fraction {self.test_fraction}; "
                "expected a sum below 1: nothing would be left to train on."
            )
        return self
