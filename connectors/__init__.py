"""The connectors that ship with syncd. Each is a folder of its own, found through its entry point only."""
