"""The verbs, in the order of the flow: intake, steps, appeals, disputes, waves.

A verb has one shape: lock, check, change, record; what it sets off in the world follows on commit. Who did it is a
keyword-only argument, and so is the moment.
"""
