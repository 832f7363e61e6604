"""What a charging station does in each functional block: the model and its blocks in, messages and jobs out. Pure."""
