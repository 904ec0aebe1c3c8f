"""The command line: what may be typed (`options`, `arguments`), its help (`examples`), what it calls (`app`)
and how it ends (`main`)."""
