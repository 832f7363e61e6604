"""The site's certificate authority, and the way to those who answer for ISO 15118 certificates."""
