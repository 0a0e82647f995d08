"""The terminal: what is sent to it, and what keys it sends."""
