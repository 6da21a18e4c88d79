"""`torch.fx.passes`: what notes something of a graph."""
