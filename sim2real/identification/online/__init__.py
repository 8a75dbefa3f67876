"""Parameters inferred while a robot moves, and policies that are told them."""
