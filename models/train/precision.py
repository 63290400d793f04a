"""Which arithmetic this processor is fast at."""

from pathlib import Path

import torch

_CPU = Path("/proc/cpuinfo")

HAS_BF16 = torch.backends.cpu.get_cpu_capability() in ("AVX512", "AVX512_BF16", "AMX") and (
    "bf16" in _CPU.read_text("utf-8", "replace") if _CPU.exists() else False
)
"""Whether it multiplies bfloat16 itself; without, autocast would only cost."""
