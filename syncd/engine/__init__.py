"""The verbs: pull, enrich, deliver, export. Each is a lane whose `step` does what may be done now and says when to come back.

No step waits. Who runs the steps (`syncd.workers`, a test, a simulation) decides about threads and time.
"""
