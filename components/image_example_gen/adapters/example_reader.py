"""Read image and label from a `tf.train.Example`."""

import math
from typing import Any

from tfx_contrastive.components.examples import tfrecords
from tfx_contrastive.components.examples.file_formats import HEAD_BYTES, name_format
from tfx_contrastive.components.image_example_gen.adapters.example_keys import (
    KeyCensus,
    values_of,
    what_instead,
)
from tfx_contrastive.components.image_example_gen.class_names import require_known
from tfx_contrastive.components.image_example_gen.config import TfRecordSource
from tfx_contrastive.contract.errors import DataError, Reason, RejectedError

from ..records import EncodedImage

_DEFAULT_LABEL = "label"


class ExampleReader:
    """Reads image and label from records as configured; counts the keys of the records in `census`."""

    def __init__(self, source: TfRecordSource):
        self.census = KeyCensus()
        self._source = source
        self._label_key = _DEFAULT_LABEL if source.label_feature is None else source.label_feature

    def image(self, record: bytes, path: str, number: int, split: str, name: str) -> EncodedImage:
        """Return the image of a record, or the reason why it has none.

        Args:
            record: A serialized `tf.train.Example`.
            path: Its file, for error messages.
            number: Its position in the file, from 0.
            split: The split of the file.
            name: Path of the file relative to the root.

        Raises:
            DataError: If the label can't be understood.
        """
        source = f"{name}/{number}"
        example = tfrecords.parse(record)
        self.census.add(example)
        label, data, rejected = None, b"", None
        try:
            if example is None:
                raise RejectedError(Reason.UNREADABLE, _no_example(record))
            label = self.label(example, path, number)
            data = self._encoded(example)
        except RejectedError as error:
            rejected = (error.reason, error.detail)
            self.census.rejected[error.detail] += 1
        return EncodedImage(source, label, split, data, checks_extension=False, rejected=rejected)

    def label(self, example: Any, path: str, number: int) -> str | None:
        """Return the class name that a record states; None if it states none.

        Raises:
            DataError: If there are several labels, or one that is no class; names file, record and key.
        """
        if not self._label_key or self._label_key not in example.features.feature:
            return None
        kind, values = values_of(example.features.feature[self._label_key])
        where = (
            f"Received {path}, whose record {number} (counted from 0) has the key {self._label_key!r} with"
        )
        if len(values) > 1:
            keys = ", ".join(sorted(example.features.feature))
            raise DataError(f"{where} {_several(kind, values)} The record's keys: {keys}.")
        if not len(values):
            return None
        if kind == "bytes":
            try:
                text = values[0].decode("utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{where} {values[0][:20]!r}, which is not UTF-8; expected text in UTF-8. Write the "
                    "label's text with .encode('utf-8')."
                ) from error
            require_known([text], self._source.class_names, f"{where} labels")
            return text or None
        return self._class_of_number(values[0], where)

    def _class_of_number(self, value: float, where: str) -> str | None:
        if not math.isfinite(value) or value != int(value):
            raise DataError(
                f"{where} the number {value:g}; expected one class: text, or a whole number. Figures such as "
                "scores and regression targets are no classes; leave the key out where the class is unknown."
            )
        index, names = int(value), self._source.class_names
        if index < 0:
            return None
        if names and index >= len(names):
            raise DataError(
                f"{where} the label {index}, but data.source.class_names has {len(names)} names; "
                "name every class, from 0 on, or none."
            )
        return names[index] if names else str(index)

    def _encoded(self, example: Any) -> bytes:
        key = self._source.image_feature
        if key not in example.features.feature:
            if key in example.feature_lists.feature_list:
                raise RejectedError(
                    Reason.UNREADABLE,
                    f"a SequenceExample with a list in {key!r}; write one Example per image",
                )
            raise RejectedError(Reason.UNREADABLE, f"0 values of {key!r}; expected one")
        kind, values = values_of(example.features.feature[key])
        if len(values) and kind != "bytes":
            raise RejectedError(
                Reason.NOT_AN_IMAGE,
                f"{key!r} holds {len(values):,} {kind} values: pixels, not an encoded image (PNG, JPEG, …)",
            )
        if len(values) != 1:
            raise RejectedError(Reason.UNREADABLE, f"{len(values)} values of {key!r}; expected one")
        if problem := what_instead(values[0], example.features.feature):
            raise RejectedError(Reason.NOT_AN_IMAGE, problem)
        data: bytes = values[0]
        return data

    def check(self) -> None:
        """Refuse a source if no record so far has the configured keys, or none has an image.

        Raises:
            DataError: With the keys that are there, and those that were probably meant.
        """
        self.check_images()
        if problem := self.label_problem():
            raise DataError(problem)

    def check_images(self) -> None:
        """Refuse a source if no record so far has an image.

        Raises:
            DataError: With what the records hold instead.
        """
        census = self.census
        if not census.num_records:
            raise DataError(f"Received {self._source}, which hold no record; expected one per image.")
        if sum(census.rejected.values()) == census.num_records:
            why = census.rejected.most_common(1)[0][0]
            raise DataError(
                f"Received {self._source}, in which no record has an image that can be used in the key "
                f"{self._source.image_feature!r}, for example: {why}. {self._there()}{self._image_remedy()}"
            )

    def label_problem(self) -> str | None:
        """Return what is wrong with the label's key if there are no more records; None if it is fine."""
        census = self.census
        if not self._label_key or self._label_key in census.kinds:
            return None
        likely = census.likely_label(self._source.image_feature)
        if self._source.label_feature is None and likely is None:
            return None
        remedy = (
            f" {likely!r} may be the label: set data.source.label_feature to it" if likely else " Correct it"
        )
        return (
            f"Received {self._source}, in which no record has the key {self._label_key!r} "
            f"(data.source.label_feature). {self._there()}{remedy}, or to '' to train "
            "an encoder without labels."
        )

    def warnings(self) -> list[str]:
        """Return warnings about labels that some records lack, or have in another form."""
        census, key = self.census, self._label_key
        kinds = census.kinds.get(key)
        if not key or not kinds or census.num_records < 2:
            return []
        found = []
        without = census.num_records - sum(kinds.values())
        if without:
            likely = census.likely_label(self._source.image_feature, but=key)
            hint = f"; {likely!r} may be the label of some" if likely else ""
            found.append(
                f"{without:,} of {census.num_records:,} records that were read have no key {key!r}, and "
                f"count as unlabeled{hint}"
            )
        if kinds["bytes"] and kinds["int64"] + kinds["float"]:
            found.append(
                f"the key {key!r} holds text in {kinds['bytes']:,} records and numbers in "
                f"{kinds['int64'] + kinds['float']:,}; each counts as the name of a class"
            )
        return found

    def _there(self) -> str:
        return f"{self.census.num_records:,} records were read; their keys: {self.census.described()}."

    def _image_remedy(self) -> str:
        census = self.census
        key = census.likely_image()
        if key is None or key == self._source.image_feature:
            others = "".join(
                f" {name!r} holds {what}." for name, what in sorted(census.other_images.items()) if what
            )
            return others or " Write each image encoded as PNG or JPEG, as one bytes value."
        text = f" {key!r} holds images: set data.source.image_feature to it"
        label = census.likely_label(key)
        if label and self._label_key not in census.kinds:
            text += f", and data.source.label_feature to {label!r}, which may be the label"
        return f"{text}."


def _no_example(record: bytes) -> str:
    """Tell why a record that can't be parsed is no Example."""
    found = name_format(record[:HEAD_BYTES])
    return "not a tf.train.Example" + (f" but {found}" if found else "")


def _several(kind: str, values: Any) -> str:
    shown = ", ".join(repr(v.decode("utf-8", "replace")) if kind == "bytes" else f"{v:g}" for v in values[:5])
    text = f"{len(values):,} values ({shown}{', …' if len(values) > 5 else ''}); expected one class. "
    if kind != "bytes" and set(values) <= {0, 1}:
        ones = sum(values)
        vector = "a one-hot vector" if ones == 1 else f"a multi-hot vector with {ones:g} ones"
        text += f"This looks like {vector}: write the position of the 1 (numpy.argmax) as one int64. "
    return text + "Several labels per image (multi-label) are not supported."
