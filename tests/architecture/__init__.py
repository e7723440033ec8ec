"""The rules of the code itself: imports, plugin files, forbidden calls, documents. Each has a test that breaks it."""
