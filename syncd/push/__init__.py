"""The listener for CTGO's pushes, apart from health: a proxy that lets the world in shows nothing else.

`request_line` judges the first line of a request, pure; `receiver` listens. Neither reads a body: see `syncd.engine.push` for
what a push is worth. Only the daemon imports them, and only when some source has push.
"""
