"""What is done at many stations, and the firmware they are given."""
