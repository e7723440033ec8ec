"""The framework: database, identity, events, routing and plugins. It knows no feature."""
