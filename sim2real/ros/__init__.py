"""ROS 2: profiles of drivers, conversions of messages, the twin node and the policy node.

No module here imports rclpy when it is imported itself: ``context.open_context`` does, and says what to install.
"""
