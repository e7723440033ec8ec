"""Files that people upload: stored, described, and handed out by signed addresses.

It never decides who may see a file: the plugin that shows it does, and then asks for an address.
"""
