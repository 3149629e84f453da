"""``rebuttal chat`` on a terminal: what is typed, and answers set in Markdown as they come."""
