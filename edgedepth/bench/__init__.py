"""Latency, memory and throughput of models, with what is needed to believe the figures.

Every measurement runs in a process of its own, in rounds over all combinations, so that a noisy
neighbour hits all alike and what differs between processes shows in the stated interval.
"""
