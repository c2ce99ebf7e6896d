"""Scenes, data sources and the renderer that turns them into focal stacks."""
