"""What `clean` is made of: redaction, repairs of a text, and measures that say whether an answer is worth keeping."""
