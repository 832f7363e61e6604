"""The charger model: one language for every charger, whatever it speaks."""
