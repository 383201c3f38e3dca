"""Native code, compiled from the top-level ``kernels`` folder: one kernel a module."""
