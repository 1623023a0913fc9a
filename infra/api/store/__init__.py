"""The store that usage is read from: a server's, or a folder that one process owns."""
