"""The run as a TensorBoard log directory: scalars, views, and embeddings with thumbnails."""

import io
import posixpath

import tensorflow as tf

from tfx_contrastive.contract import files
from tfx_contrastive.pipeline.report.sections.pretraining import Views
from tfx_contrastive.pipeline.report.sections.representation import MAP_IMAGES
from tfx_contrastive.pipeline.report.thumbnails import paste, small_picture
from tfx_contrastive.pipeline.runs.images import ImageSample, Seen
from tfx_contrastive.pipeline.runs.record import RunRecord
from tfx_contrastive.pipeline.runs.training_log import event_files

_SPRITE_TILE = 40
_SPRITE_SIDE = 8_192  # the projector refuses larger sprites
_CONFIG = """embeddings {{
  tensor_name: "embedding"
  tensor_path: "embedding.tsv"
  metadata_path: "metadata.tsv"
  sprite {{ image_path: "sprite.png" single_image_dim: {tile} single_image_dim: {tile} }}
}}
"""


def write(record: RunRecord, directory: str, views: Views | None) -> None:
    """Write the log directory of a run: scalars, views, and embeddings for the projector.

    Args:
        record: The run; the logs of its training stages are copied to sub-directories named by node.
        directory: The directory to write; its former content is removed.
        views: Augmented views for the images tab; None writes none.
    """
    if files.exists(directory):
        files.remove_tree(directory)
    for node_id in ("Pretrainer", "Trainer"):
        artifact = record.output(node_id, "model_run")
        if artifact is not None:
            _copy_events(artifact.uri, files.join(directory, node_id))
    if views is not None:
        _write_views(files.join(directory, "views"), views)
    if record.seen is not None:
        _write_projector(files.join(directory, "projector"), record.seen)


def _copy_events(source: str, target: str) -> None:
    for path in event_files(source):
        files.copy(path, files.join(target, posixpath.basename(path)))


def _write_views(directory: str, views: Views) -> None:
    """Write each image with its views as one strip."""
    with tf.summary.create_file_writer(directory).as_default():
        strips = tf.concat(tf.unstack(tf.constant(views.pixels), axis=1), axis=2)  # [N, H, V*W, C]
        tf.summary.image("views: the image, then its augmented views", strips, 0, len(views.rows))


def _write_projector(directory: str, seen: Seen) -> None:
    count = min(MAP_IMAGES, len(seen.sample))
    rows = ("\t".join(f"{value:.6g}" for value in row) for row in seen.embeddings[:count])
    files.write_text(files.join(directory, "embedding.tsv"), "\n".join(rows) + "\n")
    files.write_text(files.join(directory, "metadata.tsv"), _metadata(seen, count))
    tile = _write_sprite(files.join(directory, "sprite.png"), seen.sample, count)
    files.write_text(files.join(directory, "projector_config.pbtxt"), _CONFIG.format(tile=tile))
    # The projector looks only at directories in which TensorBoard has found an event.
    with tf.summary.create_file_writer(directory).as_default():
        tf.summary.text("embedding", f"{count:,} images of {seen.sample.split}, pretrained encoder", 0)


def _metadata(seen: Seen, count: int) -> str:
    lines = ["label\tpredicted\tmistake\tsource"]
    for index in range(count):
        label = seen.sample.labels[index] or ""
        predicted, mistake = "", ""
        if seen.predictions is not None:
            predicted = seen.predictions.class_names[int(seen.predictions.predicted[index])]
            mistake = "yes" if label and label != predicted else "no"
        values = (label, predicted, mistake, seen.sample.sources[index])
        lines.append("\t".join(" ".join(value.split()) for value in values))  # no tab, no line break
    return "\n".join(lines) + "\n"


def _write_sprite(path: str, sample: ImageSample, count: int) -> int:
    """Write the sprite, a square of thumbnails; return the side of one thumbnail, in pixels."""
    columns = next(side for side in range(1, count + 1) if side * side >= count)
    limit = min(_SPRITE_TILE, _SPRITE_SIDE // columns)
    pictures = [small_picture(sample.pixels(index), limit) for index in range(count)]
    tile = max(max(picture.size) for picture in pictures)
    canvas = paste(pictures, tile, columns)
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG")
    files.write_bytes(path, buffer.getvalue())
    return tile
