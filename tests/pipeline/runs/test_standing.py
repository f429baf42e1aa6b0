import dataclasses
import datetime

from tests.pipeline.report.examples import artifact, example_run, node
from tfx_contrastive.pipeline.runs.lineage import Run
from tfx_contrastive.pipeline.runs.standing import last_blessed_before, standing_of


def test_a_blessed_run_says_what_was_pushed():
    standing = standing_of(example_run())
    assert standing.verdict == "blessed"
    assert standing.refused_by == ()
    assert (standing.pushed_to, standing.pushed_version) == ("/serving/1764000000", "1764000000")


def test_a_refused_run_names_the_gate():
    standing = standing_of(example_run(blessed=0))
    assert (standing.verdict, standing.refused_by) == ("refused", ("RepresentationGate",))


def test_a_failed_gate_has_no_verdict():
    assert standing_of(example_run(state="failed")).verdict == "none"


def test_the_combined_verdict_has_the_last_word():
    gates = {"RepresentationGate": 1, "Evaluator": 0, "CombinedBlessing": 0}
    nodes = [
        node(number, name, outputs={"blessing": (artifact(number, "ModelBlessing", blessed=blessed),)})
        for number, (name, blessed) in enumerate(gates.items(), 1)
    ]
    baseline = artifact(9, "Model", source="1763900000", version="1763900000", reason="in use")
    nodes.append(node(4, "BaselineResolver", outputs={"baseline_model": (baseline,)}))
    standing = standing_of(Run("r", "shop", tuple(nodes)))
    assert (standing.verdict, standing.refused_by) == ("refused", ("Evaluator",))
    assert (standing.baseline, standing.baseline_reason) == ("1763900000", "in use")
    assert standing.pushed_version == ""


def earlier(run, days, model_id, blessed=1):
    """A run some days before, of another model."""
    nodes = []
    for each in example_run(f"{days} days before", blessed).nodes:
        outputs = each.outputs
        if each.id == "Pretrainer":
            outputs = {"model": (artifact(model_id, "Model"),)}
        nodes.append(
            dataclasses.replace(each, started=each.started - datetime.timedelta(days=days), outputs=outputs)
        )
    return Run(f"{days} days before", run.pipeline, tuple(nodes))


def test_the_last_blessed_run_is_older_blessed_and_of_another_model():
    run = example_run()
    same_model, refused = earlier(run, 1, 5), earlier(run, 2, 50, blessed=0)
    wanted, oldest = earlier(run, 3, 51), earlier(run, 4, 52)
    runs = (run, same_model, refused, wanted, oldest)
    assert last_blessed_before(run, runs).id == "3 days before"
    assert last_blessed_before(oldest, runs) is None
