"""One blessing out of two gates."""
