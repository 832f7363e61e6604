"""`ohmstead-sim fleet`: tens of thousands of charging stations, each as light as can be."""
