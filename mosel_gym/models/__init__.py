"""Networks: the video planner with its codec, the inverse dynamics, and the sub-goal judge.

They need torch and diffusers, and know neither an environment nor an agent. Import them from their
own modules (`mosel_gym.models.inverse_dynamics`, ...), before a simulator has rendered its first
picture: importing diffusers after that has been seen to crash the process.
"""
