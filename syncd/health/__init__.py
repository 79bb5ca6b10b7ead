"""What the daemon says of itself to machines: /healthz, /readyz and /metrics.

`view` and `readiness` are pure: what was seen, and what of it means "not ready". `looking` reads it, over a connection of
its own, so that a scrape never waits for the engine nor the engine for a scrape; costs follow what is pending. `counting`
hears from the engine what no ledger keeps. `metrics` puts both in Prometheus's words, `recent` keeps them for a second,
`request` reads what is asked, `app` answers, `serving` listens.

Only the daemon imports the modules that need prometheus-client.
"""
