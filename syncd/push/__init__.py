"""Where CTGO says that there are new leads: a listener of its own, so that a proxy which lets the world in shows nothing else.

`request` judges the first line of a request, pure; `receiver` listens. Neither reads a body: see `syncd.engine.push` for
what a push is worth. Only the daemon imports them, and only when some source has push.
"""
