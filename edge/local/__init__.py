"""The local WebSocket for the screens and the command line of the site."""
