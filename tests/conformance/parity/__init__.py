"""What the three SDKs show, side by side: from their source, and a gap is an error."""
