"""The warm-up records that a server replays before a version becomes available.

Source: https://www.tensorflow.org/tfx/serving/saved_model_warmup
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from training import requests
from training.examples import Examples

FILE = "assets.extra/tf_serving_warmup_requests"
BATCHES = (1, 8)  # one alone and one batch: the two shapes that first callers will send


def write(directory: Path, model: str, examples: Examples) -> int:
    """Writes predict and classify requests made of the first rows, and returns how many records there are."""
    path = directory / FILE
    path.parent.mkdir(exist_ok=True)
    batches = [examples.take(np.arange(min(size, len(examples)))).features for size in BATCHES]
    logs = [
        *(_log(predict_log=prediction_log_pb2.PredictLog(request=requests.predict(model, rows))) for rows in batches),
        *(
            _log(classify_log=prediction_log_pb2.ClassifyLog(request=requests.classify(model, rows)))
            for rows in batches
        ),
    ]
    with tf.io.TFRecordWriter(str(path)) as writer:
        for log in logs:
            writer.write(log.SerializeToString(deterministic=True))
    return len(logs)


_log = prediction_log_pb2.PredictionLog
