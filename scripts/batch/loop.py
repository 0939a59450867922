"""Classifies a part of a parquet file of pictures without an engine.

    loop.py PICTURES.parquet OUT PART PARTS
"""

import sys

import pyarrow
import pyarrow.parquet
from mobilenet_v2.batch import Classify

source, out, part, parts = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
file = pyarrow.parquet.ParquetFile(source)
groups = range(part, file.num_row_groups, parts)
classify, rows = Classify(), []
for batch in file.iter_batches(64, row_groups=groups):
    answers = classify(batch["bytes"])
    rows += [{"id": at, **answer} for at, answer in zip(batch["id"].to_pylist(), answers)]
pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), out)
