"""OCPP 2.1: the blocks of 2.0.1 on 2.1's schemas."""
