"""What a killed run leaves behind in ML Metadata."""

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from tfx_contrastive.pipeline.runs.lineage import INTERRUPTED_PROPERTY, Interruption

_UNFINISHED = (mlmd.Execution.NEW, mlmd.Execution.RUNNING)


def cancel_unfinished(store: metadata_store.MetadataStore, pipeline: str, interruption: Interruption) -> int:
    """Marks the executions that nobody works on any more as cancelled; else they would "run" for ever.

    Args:
        store: ML Metadata.
        pipeline: The pipeline's name.
        interruption: Whose they are. The run that it names is marked too, if it died between two nodes.

    Returns:
        How many there were.
    """
    context = store.get_context_by_type_and_name("pipeline", pipeline)
    if context is None:
        return 0
    runs = {run.name: run for run in store.get_children_contexts_by_context(context.id)}
    died = runs.get(interruption.run_id)
    if died is not None:
        died.custom_properties[INTERRUPTED_PROPERTY].int_value = 1
        store.put_contexts([died])
    owner = context if interruption.every_running else died
    if owner is None:
        return 0
    executions = store.get_executions_by_context(owner.id)
    left = [execution for execution in executions if execution.last_known_state in _UNFINISHED]
    for execution in left:
        execution.last_known_state = mlmd.Execution.CANCELED
    if left:
        store.put_executions(left)
    return len(left)
