"""Anomalies that ExampleValidator found. Imports neither tfx nor TensorFlow."""

import dataclasses
import json
from collections.abc import Sequence

from tensorflow_metadata.proto.v0 import anomalies_pb2

from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import DataError

ANOMALIES_FILE = "SchemaDiff.pb"
REPORT_FILE = "anomalies.json"

SEVERITIES = ("WARNING", "ERROR")


@dataclasses.dataclass(frozen=True)
class Anomaly:
    """An anomaly that TFDV found in a split.

    Attributes:
        split: Name of the split.
        feature: Name of the feature; empty if the anomaly is one of the data set as a whole.
        severity: `WARNING` or `ERROR`.
        summary: TFDV's short description.
        detail: TFDV's long description.
    """

    split: str
    feature: str
    severity: str
    summary: str
    detail: str

    def __str__(self) -> str:
        where = f"feature {self.feature}" if self.feature else "the data set"
        return f"split {self.split}, {where}: {self.summary}: {self.detail}"


def read(uri: str, splits: Sequence[str]) -> list[Anomaly]:
    """Read the anomalies of splits.

    Args:
        uri: Directory of an ExampleAnomalies artifact.
        splits: Names of its splits.

    Returns:
        The anomalies, ordered by split, then by feature.

    Raises:
        FileNotFoundError: If a split has no file.
    """
    found = []
    for split in splits:
        path = files.join(uri, f"Split-{split}/{ANOMALIES_FILE}")
        if not files.is_file(path):
            raise FileNotFoundError(
                f"Received anomalies of {split} without {path}; expected what ExampleValidator writes."
            )
        found += parse(split, anomalies_pb2.Anomalies.FromString(files.read_bytes(path)))
    return found


def parse(split: str, anomalies: anomalies_pb2.Anomalies) -> list[Anomaly]:
    """Return the anomalies of one split in TFDV's message."""
    found = []
    if anomalies.data_missing:
        found.append(Anomaly(split, "", "ERROR", "No data", "The split holds no example."))
    if anomalies.HasField("dataset_anomaly_info"):
        found.append(_anomaly(split, "", anomalies.dataset_anomaly_info))
    for feature in sorted(anomalies.anomaly_info):
        found.append(_anomaly(split, feature, anomalies.anomaly_info[feature]))
    return found


def _anomaly(split: str, feature: str, info: anomalies_pb2.AnomalyInfo) -> Anomaly:
    # TFDV states no severity for some anomalies; all that it doesn't call a warning counts as an error.
    severity = "WARNING" if info.severity == anomalies_pb2.AnomalyInfo.WARNING else "ERROR"
    reasons = [reason.description or reason.short_description for reason in info.reason]
    detail = " ".join(reasons) or info.description
    return Anomaly(split, feature, severity, info.short_description or "Anomaly", detail)


def check(found: Sequence[Anomaly], stop_at: str) -> None:
    """Raise an error if there are severe anomalies.

    Args:
        found: The anomalies.
        stop_at: `ERROR`, or `WARNING` to stop on warnings too.

    Raises:
        ValueError: If `stop_at` is neither.
        DataError: With split, feature and text of each severe anomaly.
    """
    if stop_at not in SEVERITIES:
        raise ValueError(f"Received stop_at {stop_at!r}; expected one of {', '.join(SEVERITIES)}.")
    severe = [each for each in found if each.severity == "ERROR" or stop_at == "WARNING"]
    if severe:
        lines = "\n".join(f"  {each}" for each in severe)
        raise DataError(
            f"The data differ from the schema in {len(severe)} place(s):\n{lines}\n"
            "Repair the data; if they are right, change the schema (schema_path)."
        )


def write_anomalies(found: Sequence[Anomaly], directory: str) -> None:
    """Write all anomalies as JSON, including those that don't stop the run."""
    content = json.dumps([dataclasses.asdict(each) for each in found], indent=2)
    files.write_text(files.join(directory, REPORT_FILE), content)
