"""What is known: public numbers with their sources, and what is computed from them."""
