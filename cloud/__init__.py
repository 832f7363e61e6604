"""The hub: watches all sites and serves third parties."""
