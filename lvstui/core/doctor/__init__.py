"""What an expert would look at when a service fails: questions, each answered from facts that were gathered before."""
