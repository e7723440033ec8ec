"""What other plugins may use of administration: how cells of an export are written."""

from plugins.admin.rules import csv_cell

__all__ = ["csv_cell"]
