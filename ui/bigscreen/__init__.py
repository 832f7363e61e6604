"""The wall display of a site: which bay is free, what the others do, and whether all is well."""
