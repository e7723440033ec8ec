"""The accounts of the demonstration, and the students of the large one."""
