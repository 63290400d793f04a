"""CUDA, as little of it as running a plan needs: a probe, memory, one stream, events, graphs."""
