"""Voices of another engine: CMU Flite, where the machine has it."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

__all__ = ["missing", "say"]


def missing() -> str | None:
    """What is not there, if so."""
    return None if shutil.which("flite") else "the command flite"


def say(voice: str, text: str) -> tuple[NDArray[np.int16], int]:
    """What a voice (slt, rms, awb, kal, kal16) says: mono samples and their rate in Hz."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", path], check=True)
        pcm, sample_rate = sf.read(path, dtype="int16")
    return pcm, sample_rate
