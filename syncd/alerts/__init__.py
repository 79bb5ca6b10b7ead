"""Tells a person when something needs one, and once a day how it went.

`conditions` says what of a look is worth a message, `deciding` when to say it, `wording` and `digest` in which words: pure.
`sending` posts it, `watching` is the thread that looks and sends: it holds up nothing, whatever the webhook does. What was
told is in the ledger, so that a restart neither repeats nor forgets.
"""
