"""Sparkplug B 3.0: the appliance as an edge node, for SCADA systems such as Ignition."""
