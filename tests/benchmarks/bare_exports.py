"""A bare `httpx.Client` that posts exports, four at a time, and remembers nothing. Usage: bare_exports.py BASE_URL N."""

import sys
from concurrent.futures import ThreadPoolExecutor

import httpx


def main(base: str, n: int) -> None:
    """Post n exports."""
    with (
        httpx.Client(base_url=base, headers={"Authorization": "Bearer ctgo_x"}) as client,
        ThreadPoolExecutor(4) as pool,
    ):
        for answer in pool.map(lambda i: client.post(f"/leads/{i}/export"), range(100_000, 100_000 + n)):
            answer.raise_for_status()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
