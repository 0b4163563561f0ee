"""Makes a flashable image from Debian's archive and the package index; standard library only."""
