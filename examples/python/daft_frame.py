"""Classifies the pictures of a parquet file with Daft, on all cores of this machine.

    daft_frame.py PICTURES.parquet OUT WORKERS

The file has the columns `id` and `bytes`; the rows of OUT have `id`, `class`, `name`, `probability` and `error`.
"""

import sys

import daft
from daft import DataType
from rexnet_digits.batch import Classify

pictures, out, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])

ROW = DataType.struct(
    {
        "class": DataType.int32(),
        "name": DataType.string(),
        "probability": DataType.float32(),
        "error": DataType.string(),
    }
)


@daft.cls(max_concurrency=workers, use_process=True)
class Pictures:
    """Each worker has one, with a network of its own."""

    def __init__(self):
        self.of_batch = Classify()

    @daft.method.batch(return_dtype=ROW, batch_size=64)
    def classify(self, column):
        return self.of_batch(column)


rows = daft.read_parquet(pictures).select("id", Pictures().classify(daft.col("bytes")).alias("row"))
rows.select("id", *(daft.col("row")[name].alias(name) for name in ["class", "name", "probability", "error"])).write_parquet(out)
