"""The portal: Collegium in a browser. Pages drawn by the server, from templates of every plugin, in one shell."""
