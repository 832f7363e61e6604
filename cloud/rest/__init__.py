"""What every REST resource shares: who asks, how pages are turned, how errors are told."""
