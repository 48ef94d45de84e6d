"""The built-in kinds of model, one package per kind. Other rooms reach them through `firstpass.models.kinds`."""
