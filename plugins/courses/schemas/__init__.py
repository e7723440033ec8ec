"""What requests about courses may say, and what is answered."""
