"""What a competent person would write in ten minutes: page, store the payloads, write the CSV. No promise is kept.

Usage: floor.py BASE_URL FOLDER
"""

import csv
import json
import sqlite3
import sys
from pathlib import Path

import httpx

COLUMNS = [
    "id",
    "stream_id",
    "segment_id",
    "match_confidence",
    "source_type",
    "discovered_at",
    "handle",
    "display_name",
    "first_name",
    "last_name",
    "email",
    "linkedin_url",
    "follower_count",
    "bio",
    "x_url",
]


def main(base: str, folder: Path) -> None:
    """Pull everything once."""
    database = sqlite3.connect(folder / "floor.db")
    database.execute("CREATE TABLE IF NOT EXISTS leads (id INTEGER PRIMARY KEY, payload TEXT)")
    with (
        httpx.Client(base_url=base, headers={"Authorization": "Bearer ctgo_x"}) as client,
        (folder / "floor.csv").open("w", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        offset, more = 0, True
        while more:
            page = client.get("/leads", params={"limit": 500, "offset": offset}).json()
            rows = page["leads"]
            database.executemany(
                "INSERT OR IGNORE INTO leads VALUES (?, ?)", [(r["id"], json.dumps(r)) for r in rows]
            )
            database.commit()
            for row in rows:
                p = row["profile"]
                first, _, last = p["displayName"].partition(" ")
                writer.writerow(
                    (row["id"], row["streamId"], row["segmentId"], row["matchConfidence"], row["sourceType"],
                     row["discoveredAt"], p["handle"], p["displayName"], first, last, "", "", p["followerCount"], p["bio"],
                     f"https://x.com/{p['handle']}")
                )  # fmt: skip
            offset, more = offset + len(rows), page["hasMore"]


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
