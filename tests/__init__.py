"""The whole suite. Fixtures come from `kernel.testing`, which plugin authors use too."""
