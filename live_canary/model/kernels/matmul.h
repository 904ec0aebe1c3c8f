/* A whole product, of the vectors' own `quantize`, `two_panels` and ROWS: how many rows these take at once. */

/* Of the rows from `first` on. */
static void multiply(const Matrix *w, const Activations *a, float *y, int64_t first, int64_t rows, float add, int threads) {
    const int64_t wanted = rows - first, bytes = wanted * a->padded * (w->bits == 8 ? 2 : 1);
    const int64_t slabs = (bytes + CACHED - 1) / CACHED; /* of activations that stay in the cache */
    const int64_t height = pad((wanted + slabs - 1) / slabs, ROWS);
    for (; first < rows; first += height) {
        const Product product = {w, a, y, first, rows - first < height ? rows : first + height, threads, add};
        run(two_panels, &product, pad(w->out, LANES * PANELS) / (LANES * PANELS), threads);
    }
}

typedef struct {
    const float *x;
    int64_t in;
    const Activations *a;
} Rounding;

static void round_row(const void *context, int64_t row) {
    const Rounding *r = context;
    quantize(r->x + row * r->in, r->in, r->a, row);
}

/* x (rows, in) -> y (rows, out). 0, or -1 when there is no memory. */
static int matmul(const Matrix *w, const float *x, float *y, int64_t rows, int threads) {
    if (!rows) return 0;
    char *scratch = NULL, *at = NULL;
    activations(rows, w->in, w->bits, &at);
    if (!(at = scratch = aligned_alloc(64, (intptr_t)at))) return -1;
    const Activations a = activations(rows, w->in, w->bits, &at);
    const Rounding rounding = {x, w->in, &a};
    run(round_row, &rounding, rows, threads);
    multiply(w, &a, y, 0, rows, 0, threads);
    free(scratch);
    return 0;
}
