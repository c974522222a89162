"""How dedup finds what repeats and decides what stays; tasks/dedup.py is the step."""
