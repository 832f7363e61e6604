"""What is around the product: the demo, and how to run it for real."""
