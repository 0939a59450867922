"""Classifies the pictures of parquet files with Ray Data, on all machines of a cluster.

    ray_data.py PICTURES.parquet OUT WORKERS

The files have the columns `id` and `bytes`; the rows of OUT have `id`, `class`, `name`, `probability` and `error`. If the machine of a
worker is lost, its blocks are done again elsewhere. A file that was being written may then be there twice, so readers of OUT take each `id` once.
"""

import sys

import ray
from rexnet_digits.batch import Classify

pictures, out, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])

# Workers of Ray run at a lower priority than other programs; RAY_worker_niceness=0 in the environment of `ray start` ends that.
ray.init(log_to_driver=False)
# Small blocks, so that all workers have some.
rows = ray.data.read_parquet(pictures).repartition(8 * workers)
# A worker has a CPU and a network of one thread, which it opens once. Other CPUs must be free, also after a machine was lost, because
# listing, reading and writing files take one each: where workers hold them all, Ray Data waits for ever, without an error.
rows = rows.map_batches(Classify, batch_size=64, num_cpus=1, compute=ray.data.ActorPoolStrategy(size=workers))
rows.write_parquet(out)
