"""The command `syncd`. It answers `--version` before it imports anything heavy."""

import gc
import os
import sys


def main() -> None:
    """Run the command line, and exit."""
    _open_streams()
    if sys.argv[1:] in (["--version"], ["-V"]):
        from syncd import __version__  # noqa: PLC0415

        sys.stdout.write(f"syncd {__version__}\n")
        sys.exit(0)
    import signal  # noqa: PLC0415 - not for --version

    # No terminal can hang up: it asks for a reload, which must not end a daemon that is only starting
    if not os.isatty(0):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Imports make some 170,000 objects that stay: a collection among them would take a tenth of a start
    gc.set_threshold(250_000, 20, 50)
    # httpx would import its own command line with rich and Pygments: 6 MiB, a fifth of a second, no use
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    from syncd.cli.entry import run  # noqa: PLC0415 - settings and all below them stay out of --version

    sys.exit(run())


def _open_streams() -> None:
    """Open a null device for each closed stream. Else the next file, perhaps the ledger, gets its number and its output."""
    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(fd)
        except OSError:
            # The new file has the lowest free number, which is this one
            os.dup2(os.open(os.devnull, os.O_RDWR), fd, inheritable=True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(fd, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - as long as the process


if __name__ == "__main__":
    main()
