"""Documents that come in: read within bounds, checked, and made into debates of the visitor's."""
