from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None


def die_with_parent(number: signal.Signals) -> None:
    """Ask the kernel to send this process a signal when the thread that started it ends, however it ends.

    Linux only; elsewhere it does nothing, and what a killed parent leaves behind is stopped by the next start.
    The request survives exec, but not a change of user: make it after that.
    """
    if _prctl is not None and _prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
