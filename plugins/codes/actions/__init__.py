"""What changes codes: generating and updating by those who hand them out, redeeming by those who get them."""
