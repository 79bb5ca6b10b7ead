"""The command `syncd`. `--version` is answered before anything heavy is imported."""

import gc
import sys


def main() -> None:
    """Run the command line; never returns."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from syncd import __version__  # noqa: PLC0415

        sys.stdout.write(f"syncd {__version__}\n")
        sys.exit(0)
    # Imports make some 170,000 objects that stay: looking through them on the way would be a tenth of a start
    gc.set_threshold(250_000, 20, 50)
    # httpx would import its own command line, with rich and Pygments: 6 MiB, a fifth of a second, and no use to us
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    from syncd.cli import run  # noqa: PLC0415 - settings and all below them stay out of --version

    sys.exit(run())


if __name__ == "__main__":
    main()
