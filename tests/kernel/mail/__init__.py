"""Mail: written, sent, taken."""
