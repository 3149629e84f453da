"""What stands between the network and the page: who asks, and what they may send."""
