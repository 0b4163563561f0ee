"""Boots the image under QEMU's -M virt and asks it questions; nothing here is part of the image."""
