"""What a killed run leaves behind in ML Metadata."""

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

_UNFINISHED = (mlmd.Execution.NEW, mlmd.Execution.RUNNING)


def cancel_unfinished(store: metadata_store.MetadataStore, pipeline: str) -> int:
    """Marks the executions that nobody works on any more as cancelled; else they would "run" for ever.

    Call it only where no other run of the pipeline can be at work.

    Args:
        store: ML Metadata.
        pipeline: The pipeline's name.

    Returns:
        How many there were.
    """
    context = store.get_context_by_type_and_name("pipeline", pipeline)
    if context is None:
        return 0
    executions = store.get_executions_by_context(context.id)
    left = [execution for execution in executions if execution.last_known_state in _UNFINISHED]
    for execution in left:
        execution.last_known_state = mlmd.Execution.CANCELED
    if left:
        store.put_executions(left)
    return len(left)
