"""Who asks, and what they may do; knows no web server and no driver.

What others need of it is in its modules: `callers` for what somebody may, `identification` for who it is.
"""
