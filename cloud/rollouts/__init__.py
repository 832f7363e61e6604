"""What is done at many stations and sites, stage by stage: REST resource `/v1/rollouts`, and what carries it out."""
