"""The house: import directions, and what the loop process may load."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_imports_go_one_way() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_loop_process_loads_nothing_heavy() -> None:
    heavy = {"onnxruntime", "onnx", "pydicom", "cv2", "torch", "matplotlib", "h5py", "scipy.stats", "amqtt"}
    heavy |= {"starlette", "uvicorn", "anyio", "asyncio", "jinja2"}  # the page is another process
    code = f"import sys, firmware.cli.run; print({heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_bundled_scan_is_the_published_one() -> None:
    import hashlib

    from models.scans import BRAIN16

    assert hashlib.sha256(BRAIN16.read_bytes()).hexdigest().startswith("92b61828bfa8")
    assert "MIT" in (BRAIN16.parent / "LICENSE.txt").read_text()
