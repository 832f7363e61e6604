"""What stations told of themselves: variables and reports."""
