"""Pure: (accelerator, profile) -> what a pod needs for it: resources, node selector, tolerations, runtime class."""
