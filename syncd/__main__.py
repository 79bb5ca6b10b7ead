"""The command `syncd`. `--version` is answered before anything heavy is imported."""

import gc
import os
import sys


def main() -> None:
    """Run the command line; never returns."""
    _open_streams()
    if sys.argv[1:] in (["--version"], ["-V"]):
        from syncd import __version__  # noqa: PLC0415

        sys.stdout.write(f"syncd {__version__}\n")
        sys.exit(0)
    # Imports make some 170,000 objects that stay: looking through them on the way would be a tenth of a start
    gc.set_threshold(250_000, 20, 50)
    # httpx would import its own command line, with rich and Pygments: 6 MiB, a fifth of a second, and no use to us
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    from syncd.cli.entry import run  # noqa: PLC0415 - settings and all below them stay out of --version

    sys.exit(run())


def _open_streams() -> None:
    """Put nothing where a stream was closed: the next file would get its number, the ledger perhaps, and hear what is said there."""
    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(fd)
        except OSError:
            os.dup2(
                os.open(os.devnull, os.O_RDWR), fd, inheritable=True
            )  # it has the lowest number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(fd, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - as long as the process


if __name__ == "__main__":
    main()
