"""What GET answers: parameters are parsed, the store is asked, and the answer is written."""
