"""The tables of a plugin that sells things, for the tests of tables, migrations and catalogue."""
