"""Training: one loop for every network, and what each network is trained on."""
