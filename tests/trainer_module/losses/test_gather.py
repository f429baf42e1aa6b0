import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tfx_contrastive.trainer_module.losses.catalog import CATALOG
from tfx_contrastive.trainer_module.losses.gather import gather_global_batch


@pytest.mark.slow
def test_two_replicas_have_the_loss_and_gradient_of_one_device_on_the_global_batch():
    run = subprocess.run(
        [sys.executable, "-m", "tests.trainer_module.losses.replicas"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    differences = json.loads(run.stdout.splitlines()[-1])
    assert set(differences) == set(CATALOG)
    for name, (loss, gradient) in differences.items():
        assert loss < 1e-5, name
        assert gradient < 1e-4, name


def test_one_replica_keeps_its_rows():
    rows = tf.constant([[1.0], [2.0]])
    np.testing.assert_array_equal(gather_global_batch(rows), rows)


def test_refuses_to_be_called_outside_of_a_replica():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope(), pytest.raises(RuntimeError, match=r"given to strategy\.run"):
        gather_global_batch(tf.ones([2, 2]))
