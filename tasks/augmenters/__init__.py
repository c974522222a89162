"""One file per way to make a new example from an old one."""
