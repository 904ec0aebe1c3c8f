/* A whole product, of the vectors' own `quantize`, `two_panels` and `two_upper_panels`, and ROWS: how many rows the first two
   take at once. */

enum { FEW_ROWS = 12 }; /* for which it matters how the weights are read */

static int64_t within(int64_t n, int64_t least, int64_t most) { return n < least ? least : n > most ? most : n; }

static void panels_together(const void *context, int64_t item) {
    const Product *p = context;
    const int64_t end = (item + 1) * p->together;
    for (int64_t i = item * p->together; i < (end < p->items ? end : p->items); i++) two_panels(context, i);
}

/* Of the rows from `first` on. Of a few rows a core takes several pairs of panels at once: a long walk through memory is the
   faster one. */
static void multiply(const Matrix *w, const Activations *a, float *y, int64_t first, int64_t rows, float add, int threads) {
    const int64_t wanted = rows - first, bytes = wanted * a->padded;
    const int64_t slabs = (bytes + CACHED - 1) / CACHED; /* of activations that stay in the cache */
    const int64_t height = pad((wanted + slabs - 1) / slabs, ROWS);
    for (; first < rows; first += height) {
        const int64_t items = panels_of(w) / PANELS;
        const int64_t together = wanted > FEW_ROWS ? 1 : within(items / (threads * 4), 1, 32);
        const int64_t end = rows - first < height ? rows : first + height;
        const Product product = {w, a, y, first, end, threads, items, together, add};
        run(panels_together, &product, (items + together - 1) / together, threads);
    }
}

#include "largest.h"

typedef struct {
    const float *x;
    int64_t in;
    const Activations *a;
} Rounding;

static void round_row(const void *context, int64_t row) {
    const Rounding *r = context;
    quantize(r->x + row * r->in, r->in, r->a, row);
}

/* x (rows, in) -> y (rows, out); of a single row and weights in halves exact only where the largest may be. 0, or -1 when
   there is no memory. */
static int matmul(const Matrix *w, const float *x, float *y, int64_t rows, int threads) {
    if (!rows) return 0;
    intptr_t at = 0;
    activations(rows, w->in, w->bits, &at);
    void *scratch = malloc(at + 63);
    if (!scratch) return -1;
    at = pad((intptr_t)scratch, 64);
    const Activations a = activations(rows, w->in, w->bits, &at);
    const Rounding rounding = {x, w->in, &a};
    run(round_row, &rounding, rows, threads);
    if (rows == 1 && w->spread)
        multiply_largest(w, &a, y, threads);
    else
        multiply(w, &a, y, 0, rows, 0, threads);
    free(scratch);
    return 0;
}
