"""Pure: (accelerator, profile) -> resources, node affinity, tolerations, environment."""
