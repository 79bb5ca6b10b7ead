"""The old name of `syncd.healthcheck`: health checks written for version 0.1 run `python -m syncd.alive`."""

import sys

from syncd.healthcheck import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
