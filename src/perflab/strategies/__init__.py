"""How the parts of a workload are run: one strategy a file, found by scanning this folder for STRATEGY."""
