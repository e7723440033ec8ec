"""A plugin with one of everything that the kernel has to do with, for the kernel's own tests; it is not installed."""
