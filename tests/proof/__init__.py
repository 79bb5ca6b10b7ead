"""The proof: layers of tests that try the promises of `tests/README.md` on the real program.

Each layer is a package here. `layers.py` sums up its figures, `page.py` renders them, and `telling.py` prints the table at the
end of a whole run. Figures are in `build/proof`, one JSON file per name.
"""
