"""Messages to a person: when something needs one, and once a day a summary.

`decision` decides what is worth a message, and when; `message` writes its text: both pure. `sender` posts it. `watcher` is
the thread that runs all of it: it holds up nothing, whatever the webhook does. The ledger keeps what was reported, so that a
restart neither repeats nor forgets.
"""
