"""Domain confusion: features of one encoder that a classifier cannot tell apart by the domain they come from."""
