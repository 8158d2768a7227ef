"""`python -m config.launch PARENT_PID PROGRAM [ARGUMENT …]`: become the program, but end when the parent does.

A step of its own between fork and exec, since the parent has threads and may not run Python code in its fork.
It imports next to nothing, and so costs a few milliseconds.
"""

from __future__ import annotations

import os
import signal
import sys

from config.pdeathsig import die_with_parent

if __name__ == "__main__":
    die_with_parent(signal.SIGTERM)
    if os.getppid() != int(sys.argv[1]):
        sys.exit(0)  # the parent ended before the kernel knew that we care
    try:
        os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  (no shell is what is wanted)
    except OSError as error:
        sys.exit(f"{sys.argv[2]} cannot be started: {error.strerror}")
