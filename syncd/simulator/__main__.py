"""The program `python -m syncd.simulator`."""

from syncd.simulator.command import main

if __name__ == "__main__":
    main()
