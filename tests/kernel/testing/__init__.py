"""What plugin authors test with, tested on a plugin that is not installed."""
