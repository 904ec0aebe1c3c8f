"""The command line: what may be typed (`options`, `arguments`), its help (`examples`), and what it calls (`app`)."""
