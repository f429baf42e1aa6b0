"""One run and the contents of its artifacts, each of which is opened once: `RunRecord`.

`gate`, `delivery` and `verdict` come from ML Metadata and import no TensorFlow; the other properties read
the artifacts' files and import what that takes.
"""

import functools
import json
import posixpath
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfx_contrastive.components.gates.verdict import REPRESENTATION_FILE, Decision, Delivery
from tfx_contrastive.contract import files

from .lineage import Artifact, NodeRun, Run

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import statistics_pb2

    from tfx_contrastive.components.anomaly_gate.anomalies import Anomaly
    from tfx_contrastive.components.image_example_gen.config import IngestConfig
    from tfx_contrastive.trainer_module.config import ImageConfig, PretrainConfig

    from .evaluation import Evaluation
    from .images import ImageSample, Seen
    from .training_log import TrainingLog

# Nodes whose blessing decides, the one with the last word first.
_GATES = ("CombinedBlessing", "Evaluator", "RepresentationGate")
_REFUSING = ("RepresentationGate", "Evaluator")
_CANDIDATE = "candidate"  # BaselineResolver names the candidate itself where no model is in use
_EVALUATORS = {"test": "TestEvaluator", "eval": "Evaluator"}
_BEST_HYPERPARAMETERS = "best_hyperparameters.txt"  # as TFX's Tuner names its output


class RunRecord:
    """One run and the contents of its artifacts.

    Each property opens its artifact at the first access and keeps the content. It is None or empty if the
    run has not finished the node.

    Attributes:
        run: The run as ML Metadata knows it.
    """

    def __init__(self, run: Run):
        """Wrap a run; nothing is read yet."""
        self.run = run
        self._evaluations: dict[str, Evaluation | None] = {}

    def finished(self, node_id: str) -> NodeRun | None:
        """Return a node that ran or was cached, else None."""
        node = self.run.node(node_id)
        return node if node is not None and node.state in ("ran", "cached") else None

    def output(self, node_id: str, key: str) -> Artifact | None:
        """Return the one output of a finished node under a key, else None."""
        node = self.finished(node_id)
        return node.output(key) if node is not None and len(node.outputs.get(key, ())) == 1 else None

    @functools.cached_property
    def gate(self) -> Decision:
        """The decision of the gates."""
        blessings = {node_id: self._blessing(node_id) for node_id in _GATES}
        decided = [blessed for blessed in blessings.values() if blessed is not None]
        baseline = self._properties("BaselineResolver", "baseline_model")
        source = str(baseline.get("source", ""))
        return Decision(
            blessed=decided[0] if decided else None,
            refused_by=tuple(gate for gate in _REFUSING if blessings[gate] is False),
            baseline="" if source == _CANDIDATE else source,
            baseline_reason=str(baseline.get("reason", "")),
        )

    @functools.cached_property
    def delivery(self) -> Delivery:
        """The destination of the model: pushed directory, registered version and aliases."""
        pushed = self._properties("Pusher", "pushed_model")
        registered = self._properties("RegistryPusher", "registration")
        place = registered.get("served_as") or pushed.get("pushed_destination", "")
        return Delivery(
            pushed_to=str(place) if pushed.get("pushed") == 1 else "",
            version=str(registered["version"]) if registered.get("registered") == 1 else "",
            aliases=str(registered.get("aliases", "")).replace(",", " and "),
        )

    @property
    def class_changes(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Classes that only this model knows, and classes that only the model in use knows."""
        baseline = self._properties("BaselineResolver", "baseline_model")
        new, gone = (json.loads(baseline.get(key, "[]")) for key in ("new_classes", "gone_classes"))
        return tuple(new), tuple(gone)

    @functools.cached_property
    def num_labels(self) -> int | None:
        """Labeled images in `train`; None before the examples exist."""
        artifact = self.output("ImageExampleGen", "examples")
        if artifact is None:
            return None
        former = artifact.properties.get("num_train_labelled")  # the spelling before version 0.3
        found: int | None = artifact.properties.get("num_train_labeled", former)
        return found

    @functools.cached_property
    def head_mode(self) -> str:
        """Mode of the head, such as `linear_probe`; empty without a Trainer."""
        node = self.run.node("Trainer")
        custom = json.loads(str(node.properties.get("custom_config", "{}"))) if node else {}
        return str(json.loads(custom.get("head", "{}")).get("mode", ""))

    @functools.cached_property
    def ingest(self) -> "IngestConfig | None":
        """The configuration of ImageExampleGen."""
        from tfx_contrastive.components.image_example_gen.config import IngestConfig

        node = self.run.node("ImageExampleGen")
        return IngestConfig.model_validate_json(str(node.properties["ingest"])) if node else None

    @functools.cached_property
    def quarantine(self) -> str:
        """Directory of the images that were set aside, also of an ingest that failed; empty without one."""
        node = self.run.node("ImageExampleGen")
        return node.outputs["quarantine"][0].uri if node and node.outputs.get("quarantine") else ""

    @functools.cached_property
    def examples(self) -> Mapping[str, Any]:
        """Counts of ImageExampleGen: read, written per split, set aside per reason; empty without them."""
        from tfx_contrastive.components.image_example_gen import quarantine

        try:
            return quarantine.read_summary(self.quarantine) if self.quarantine else {}
        except OSError:  # ImageExampleGen failed before it counted
            return {}

    @functools.cached_property
    def set_aside(self) -> tuple[Mapping[str, Any], ...]:
        """One record per image that was set aside, those with a copy in the quarantine first."""
        from tfx_contrastive.components.image_example_gen import quarantine

        if not self.examples:
            return ()
        lines = _read(self.quarantine, quarantine.RECORDS_FILE).decode("utf-8", "replace").splitlines()
        return tuple(sorted(map(json.loads, lines), key=lambda record: not record["sample"]))

    def quarantined(self, name: str) -> bytes:
        """Return the file of an image that was set aside; `name` is the `sample` of its record."""
        return _read(self.quarantine, name)

    @functools.cached_property
    def statistics(self) -> "Mapping[str, statistics_pb2.DatasetFeatureStatistics]":
        """TFDV's statistics per split; empty without StatisticsGen."""
        from tensorflow_metadata.proto.v0 import statistics_pb2

        artifact = self.output("StatisticsGen", "statistics")
        found: dict[str, statistics_pb2.DatasetFeatureStatistics] = {}
        if artifact is None:
            return found
        for split in artifact.split_names:
            content = _read(artifact.split_dir(split), "FeatureStats.pb")
            found[split] = statistics_pb2.DatasetFeatureStatisticsList.FromString(content).datasets[0]
        return found

    @functools.cached_property
    def anomalies(self) -> "tuple[Anomaly, ...]":
        """Anomalies that ExampleValidator found."""
        from tfx_contrastive.components.anomaly_gate import anomalies

        artifact = self.output("ExampleValidator", "anomalies")
        return tuple(anomalies.read(artifact.uri, artifact.split_names)) if artifact else ()

    @functools.cached_property
    def representation(self) -> Mapping[str, Any]:
        """The `metrics.json` of RepresentationGate: figures, checks, reasons; empty without it."""
        artifact = self.output("RepresentationGate", "representation")
        return dict(json.loads(_read(artifact.uri, REPRESENTATION_FILE))) if artifact else {}

    @property
    def evaluations(self) -> "tuple[Evaluation, ...]":
        """Metrics of the Evaluator nodes, `test` first; empty without a classifier."""
        found = [self.evaluation(split) for split in _EVALUATORS]
        return tuple(evaluation for evaluation in found if evaluation is not None)

    def evaluation(self, split: str) -> "Evaluation | None":
        """Return the metrics on one split, `eval` (which decides) or `test` (which is only reported)."""
        if split not in self._evaluations:
            artifact = self.output(_EVALUATORS[split], "evaluation")
            if artifact is None:
                return None
            from .evaluation import read_evaluation

            self._evaluations[split] = read_evaluation(split, artifact)
        return self._evaluations[split]

    @functools.cached_property
    def reasons(self) -> tuple[str, ...]:
        """Why the gates refused the model, one sentence per missed threshold."""
        evaluation = self.evaluation("eval")
        return (*self.representation.get("reasons", ()), *(evaluation.failures if evaluation else ()))

    @functools.cached_property
    def pretraining(self) -> "PretrainConfig | None":
        """The configuration of pretraining, with the choices of the Tuner."""
        from tfx_contrastive.trainer_module.config import PretrainConfig, TunerConfig

        node = self.run.node("Pretrainer")
        if node is None:
            return None
        custom_config = json.loads(str(node.properties["custom_config"]))
        config = PretrainConfig.model_validate_json(custom_config["pretrain"])
        if not node.inputs.get("hyperparameters"):
            return config
        from tfx_contrastive.trainer_module.tuning import tuned  # imports KerasTuner

        (best,) = node.inputs["hyperparameters"]
        tuner = TunerConfig.model_validate_json(custom_config["tuner"])
        return tuned(config, tuner, json.loads(_read(best.uri, _BEST_HYPERPARAMETERS)))

    @functools.cached_property
    def pretraining_log(self) -> "TrainingLog | None":
        """Scalars and texts that the Pretrainer logged, also those of a Pretrainer that failed."""
        from .training_log import read_training_log

        node = self.run.node("Pretrainer")
        logged = node is not None and node.outputs.get("model_run")
        return read_training_log(logged[0].uri) if logged else None

    @functools.cached_property
    def image(self) -> "ImageConfig | None":
        """The shape of the images after Transform."""
        from tfx_contrastive.trainer_module.config import ImageConfig

        node = self.finished("Transform")
        custom_config = json.loads(str(node.properties["custom_config"])) if node else {}
        return ImageConfig.model_validate_json(custom_config["image"]) if node else None

    @functools.cached_property
    def sample(self) -> "ImageSample | None":
        """Labeled images of `eval`, or images of `train` if `eval` has none; None before Transform."""
        from .images import read_sample

        examples = self.output("ImageExampleGen", "examples")
        return read_sample(examples, self.image) if examples and self.image else None

    @functools.cached_property
    def seen(self) -> "Seen | None":
        """Embeddings and predictions of the sample by the run's models; None without an encoder."""
        from .images import ask_models

        encoder = self.output("Pretrainer", "model")
        if encoder is None or self.sample is None:
            return None
        return ask_models(self.sample, encoder, self.output("Trainer", "model"))

    def values(self) -> dict[str, Any]:
        """Return the figures that the terminal shows at the end of a run, as JSON values."""
        new_classes, gone_classes = self.class_changes
        overall = {found.split: dict(found.overall.values) for found in self.evaluations}
        return {
            "images": self.examples,
            "quarantine": self.quarantine,
            "representation": self.representation,
            "evaluation": overall.get("eval", {}),
            "test": overall.get("test", {}),
            "warnings": [found.warning for found in self.evaluations if found.warning],
            "verdict": verdict(self),
            "reasons": list(self.reasons) if self.gate.blessed is False else [],
            "new_classes": list(new_classes),
            "gone_classes": list(gone_classes),
            "pushed_model": self.delivery.pushed_to,
        }

    def _blessing(self, node_id: str) -> bool | None:
        blessed = self._properties(node_id, "blessing").get("blessed")
        return None if blessed is None else blessed == 1

    def _properties(self, node_id: str, key: str) -> Mapping[str, Any]:
        artifact = self.output(node_id, key)
        return artifact.properties if artifact else {}


def verdict(record: RunRecord) -> str:
    """Return the verdict on a run as a sentence, without the period at its end.

    The sentence is that of the gates (`components/gates/verdict.py`). A run that failed or was interrupted
    says so after it.
    """
    run = record.run
    failed = [node.id for node in run.nodes if node.state == "failed"]
    if failed:
        return f"{record.gate}; {' and '.join(failed)} failed"
    if run.state == "interrupted":
        at = next((f"at {node.id}" for node in run.nodes if node.state == "interrupted"), "")
        return f"{record.gate}; the run was interrupted {at or f'after {run.nodes[-1].id}'}"
    return str(record.gate)


def _read(*parts: str) -> bytes:
    return files.read_bytes(posixpath.join(*parts))
