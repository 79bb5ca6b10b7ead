"""The same work by dlt, as its documentation sets up a REST API source: a cursor, a key, CSV through the filesystem destination.

Run by the Python of its own environment. Usage: dlt_leads.py BASE_URL FOLDER.
"""

import sys
from pathlib import Path

import dlt
from dlt.sources.rest_api import rest_api_source


def main(base: str, folder: Path) -> None:
    """Load what is new."""
    source = rest_api_source(
        {
            "client": {"base_url": f"{base}/", "auth": {"type": "bearer", "token": "ctgo_x"}},
            "resources": [
                {
                    "name": "leads",
                    "primary_key": ["id", "streamId", "segmentId"],
                    "write_disposition": "append",  # files cannot be merged into
                    "endpoint": {
                        "path": "leads",
                        "data_selector": "leads",
                        "paginator": {
                            "type": "offset",
                            "limit": 500,
                            "total_path": None,
                            "has_more_path": "hasMore",
                        },
                        "incremental": {"cursor_path": "discoveredAt", "start_param": "since"},
                    },
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        "leads",
        pipelines_dir=str(folder / "state"),
        dataset_name="ctgo",
        destination=dlt.destinations.filesystem(bucket_url=f"file://{folder / 'out'}"),
    )
    pipeline.run(source, loader_file_format="csv")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
