"""The connectors that ship with syncd. Each is one file, found through its entry point only."""
