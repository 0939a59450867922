"""What is measured."""

ALL = [
    "mobilenet_v1_x1.0", "mobilenet_v2_x1.0", "rexnet_x1.0", "rexnet_lite_x1.0", "shufflenet_v1_g3_x1.0", "rexnet_x2.0", "efficientnet_b0",
]  # fmt: skip
# In batches, too.
BATCHED = ["mobilenet_v1_x1.0", "mobilenet_v2_x1.0", "rexnet_x1.0"]
BATCH = 8
# As compiled programs, too: their size, memory and cold start.
FOOTPRINT = ["mobilenet_v2_x1.0", "rexnet_x2.0"]


def cases(networks, threads):
    """Network, threads, batch."""
    single = [(network, n, 1) for n in threads for network in networks]
    return single + [(network, n, BATCH) for n in threads for network in networks if network in BATCHED]
