"""Plain top-level packages: exactly ours in the wheel, and nobody else's of the same name."""

import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = {"engine", "models", "calibration", "firmware", "benchmarks"}


def test_the_wheel_holds_our_packages_and_their_data(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
    ]
    subprocess.run([*command, str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == OURS
    for data in ("engine/decide/limits.toml", "engine/decide/advice.toml", "models/scans/brain16_cimax/brain16.mrd.h5"):
        assert data in names
    for folder in ("models/packages/smooth", "models/keys"):
        # A package with a file too many is refused as much as one with a file missing.
        assert {name for name in names if name.startswith(f"{folder}/")} == {
            f"{folder}/{file.name}" for file in (ROOT / folder).iterdir()
        }


def test_no_other_distribution_owns_our_names() -> None:
    owners = packages_distributions()
    for name in OURS:
        assert set(owners.get(name, ["scanside"])) == {"scanside"}
