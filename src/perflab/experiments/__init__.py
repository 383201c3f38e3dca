"""The questions: one experiment a file, found by scanning this folder for EXPERIMENT."""
