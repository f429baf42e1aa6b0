"""CombinedBlessing: joins the blessings of two gates."""
