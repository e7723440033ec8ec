"""Becomes ffmpeg, so that what a hostile video breaks is a process that holds nothing and cannot take much.

    python -I -m plugins.media.confining CPU_SECONDS FILE_BYTES PROGRAM ARGUMENT...

It is started without our environment. It works behind everything else, ends with the process that started it, and is
ended when it takes more memory, time or room on the disk than it was given. What it is told to do stands in
`actions.transcoding`.
"""

import os
import sys

_MEMORY_BYTES = 4 * 1024**3
_OPEN_FILES = 64
_NICE = 19
_PR_SET_PDEATHSIG = 1
_SIGKILL = 9


def main(cpu_s: str, file_bytes: str, *command: str) -> None:
    """Put the bounds in place and run the program in this process."""
    if sys.platform != "win32":
        import resource  # import: optional-dependency

        os.nice(_NICE)
        for limit, most in (
            (resource.RLIMIT_AS, _MEMORY_BYTES),
            (resource.RLIMIT_CPU, int(cpu_s)),
            (resource.RLIMIT_FSIZE, int(file_bytes)),
            (resource.RLIMIT_NOFILE, _OPEN_FILES),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(limit, (most, most))
    if sys.platform == "linux":
        import ctypes  # import: optional-dependency

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    # The command is ours.
    os.execv(command[0], command)  # noqa: S606  # nosec B606


if __name__ == "__main__":
    main(*sys.argv[1:])
