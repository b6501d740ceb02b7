"""LIBERO tasks as Gymnasium environments; the simulator is imported on the first `gym.make`."""
