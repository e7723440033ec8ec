"""What requests about accounts may say, and what is answered."""
