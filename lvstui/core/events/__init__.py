"""What happened to a director while somebody looked: edits by others, states that changed, IPVS gone and back."""
