"""The daemon's reports to machines: /healthz, /readyz and /metrics.

`view` and `readiness` are pure: a look at the daemon, and what of it means "not ready". `snapshot` takes the look over a
connection of its own, so that a scrape never waits for the engine nor the engine for a scrape. `counters` counts what no
ledger keeps. `metrics` renders both for Prometheus, and `cache` keeps the text for a second. `http_request` parses a
request, `app` answers it, `server` listens.

Only the daemon imports the modules that need prometheus-client.
"""
