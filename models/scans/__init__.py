"""The bundled real scan."""

from pathlib import Path

BRAIN16 = Path(__file__).parent / "brain16_cimax" / "brain16.mrd.h5"
"""In-vivo axial brain, 16 channels, Siemens MAGNETOM Cima.X; MIT licence, see the folder."""
