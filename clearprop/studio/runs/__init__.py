"""The runs of a folder for the page: list, curves, films and comparison; nothing is changed."""
