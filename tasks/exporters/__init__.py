"""The model in the forms that others load: one file per form."""
