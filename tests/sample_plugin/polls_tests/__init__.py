"""The tests of polls; fixtures come from `kernel.testing`."""
