"""The studio: a page in the browser in which networks train and every number can be touched."""
