"""The features: each folder is a plugin, found through the same entry points as anyone else's."""
