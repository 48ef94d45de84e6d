"""Which label each class of a model becomes, and who decided that."""
