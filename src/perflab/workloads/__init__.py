"""What is computed: one workload a file, found by scanning this folder for WORKLOAD."""
