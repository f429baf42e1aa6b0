"""Run the Beam transform for the ImageExampleGen node."""

import logging
import os
from typing import Any

from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from tfx_contrastive.components.examples.model_input import unused_bits
from tfx_contrastive.components.image_example_gen import near_copies, quarantine
from tfx_contrastive.components.image_example_gen.config import IngestConfig
from tfx_contrastive.components.image_example_gen.inspection import inspect_source, require_enough_labels
from tfx_contrastive.components.image_example_gen.transforms import WriteExamples
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import DataError, Reason
from tfx_contrastive.contract.examples import SPLITS

_logger = logging.getLogger(__name__)


class Executor(base_beam_executor.BaseBeamExecutor):
    """Writes the examples, then records the counts in the artifacts."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Run the ingest.

        Args:
            input_dict: Empty.
            output_dict: `examples` and `quarantine`.
            exec_properties: `ingest` (JSON of IngestConfig) and `fingerprint`.

        Raises:
            DataError: If the data can't be used; the quarantine is written all the same.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        # Errors of the source as a whole are raised here, before Beam wraps them in tracebacks.
        ingest = IngestConfig.model_validate_json(exec_properties["ingest"])
        inspection = inspect_source(ingest)
        require_enough_labels(inspection)
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        quarantined = artifact_utils.get_single_instance(output_dict["quarantine"])
        staging_dir = os.path.join(examples.uri, "staging")
        files.make_directory(staging_dir)
        try:
            with self._make_beam_pipeline() as pipeline:
                pipeline | WriteExamples(
                    exec_properties["ingest"], examples.uri, quarantined.uri, staging_dir
                )
        finally:
            files.remove_tree(staging_dir)
        summary = quarantine.read_summary(quarantined.uri)
        lost = summary.get("classes_lost")
        images = {split: counts["images"] for split, counts in summary.get("written", {}).items()}
        copies = near_copies.warning(summary.get("near_copies", {}), images)
        unused = unused_bits(summary["deepest_value"], ingest.seen_as.bit_depth)
        warnings = [
            *inspection.warnings,
            *([quarantine.lost_text(lost)] if lost else []),
            *summary.get("group_warnings", ()),
            *([copies] if copies else []),
            *([unused] if unused else []),
        ]
        summary |= {"passed_over": dict(inspection.passed_over), "warnings": warnings}
        quarantine.write_summary(quarantined.uri, summary)
        _record_quarantine(quarantined, summary)
        if summary["error"]:
            raise DataError(summary["error"] + _kept_for_the_user(quarantined.uri))
        _record_examples(examples, summary, exec_properties["fingerprint"])
        for split, absent in summary["classes_absent"].items():
            if absent:
                _logger.warning("No image of these classes is in %s: %s", split, ", ".join(absent))


def _kept_for_the_user(uri: str) -> str:
    """Move the quarantine to another directory, because TFX removes the outputs of a failed node.

    Args:
        uri: URI of the artifact; its files are in `<uri>-refused` afterwards.

    Returns:
        A sentence to add to the error; empty if no image was set aside.
    """
    kept = f"{uri.rstrip('/')}-refused"
    if files.exists(kept):
        files.remove_tree(kept)
    files.rename(uri, kept)
    files.make_directory(uri)  # TFX expects something to remove
    if not sum(quarantine.read_summary(kept)["set_aside"].values()):
        return ""
    return f"\nEvery image that was set aside, with its reason: {kept}/{quarantine.RECORDS_FILE}"


def _record_examples(artifact: types.Artifact, summary: dict[str, Any], fingerprint: str) -> None:
    artifact.split_names = artifact_utils.encode_split_names(list(SPLITS))
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    artifact.set_string_custom_property("input_fingerprint", fingerprint)
    classes = set()
    for split, counts in summary["written"].items():
        artifact.set_int_custom_property(f"num_{split}", counts["images"])
        artifact.set_int_custom_property(f"num_{split}_labeled", sum(counts["labeled"].values()))
        classes |= set(counts["labeled"])
    artifact.set_int_custom_property("num_classes", len(classes))


def _record_quarantine(artifact: types.Artifact, summary: dict[str, Any]) -> None:
    artifact.set_int_custom_property("num_read", summary["read"])
    artifact.set_int_custom_property("num_set_aside", sum(summary["set_aside"].values()))
    for reason in Reason:
        artifact.set_int_custom_property(f"num_{reason.value}", summary["set_aside"].get(reason.value, 0))
    duplicates = summary.get("duplicates", {})
    dropped = duplicates.get("same_split", 0) + duplicates.get("across_splits", 0)
    artifact.set_int_custom_property("num_duplicates", dropped)
    artifact.set_int_custom_property("num_conflicting_labels", duplicates.get("conflicting_labels", 0))
