"""The daemon's reports to machines: /healthz, /readyz and /metrics.

`view` is pure: the state of the daemon, and the reasons why it is not ready. `snapshot` reads that state over a connection
of its own, so that a scrape never waits for the engine nor the engine for a scrape. `counters` counts what no ledger keeps.
`metrics` renders both for Prometheus; only that module needs prometheus-client. `server` listens and answers.
"""
