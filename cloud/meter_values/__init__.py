"""What EVSEs and meters measured: REST resources `…/meter-values` and `…/energy`."""
