"""The command line: `entry` is the way in, `main` knows the verbs; each verb is imported when it is asked for."""
