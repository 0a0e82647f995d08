"""Asking real servers over the network: the packets, the neighbour that they go to, and the way that they take."""
