"""The views and dialogs; none of them knows the app or the kernel."""
