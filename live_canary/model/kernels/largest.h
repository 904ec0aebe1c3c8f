/* The largest output of a single row, of weights in halves.

   What may be the largest is computed, all else only of the upper halves: about half of what would have to be read.

   What is left out, a sum of every input times at most half a step of an upper half, is as often too much as too little.
   Its standard deviation is at most the length of the row times the spread of the weights. It is more than SURE times that in
   one of 10^13 cases where lower halves are as good as random; and where few inputs make up the sum, it never is. */

#pragma once

enum { SURE = 8 };

typedef struct {
    Product product;
    float reach, largest; /* of what is left out, for a spread of 1; of what is surely there */
} Search;

static void upper_panels_together(const void *context, int64_t item) {
    const Product *p = &((const Search *)context)->product;
    const int64_t end = (item + 1) * p->together;
    for (int64_t i = item * p->together; i < (end < p->items ? end : p->items); i++) two_upper_panels(p, i);
}

static void possible_panels_together(const void *context, int64_t item) {
    const Search *s = context;
    const Product *p = &s->product;
    const int64_t end = (item + 1) * p->together;
    for (int64_t i = item * p->together; i < (end < p->items ? end : p->items); i++) {
        Vec most = each(-FLT_MAX);
        for (int64_t at = i * PANELS * LANES; at < (i + 1) * PANELS * LANES; at += LANES) {
            const Mask m = lanes(p->w->out - at);
            most = greater(m, mul_add(load(m, p->w->spread + at), each(s->reach), load(m, p->y + at)), most);
        }
        if (greatest_of(most) >= s->largest) two_panels(p, i);
    }
}

/* 0 where one is no number. */
static int64_t first_of_the_largest(const float *y, int64_t n) {
    Vec most = each(y[0]);
    for (int64_t i = 0; i < n; i += LANES) most = greater(lanes(n - i), load(lanes(n - i), y + i), most);
    const float largest = greatest_of(most);
    int64_t at = 0;
    while (at < n && y[at] != largest) at++;
    return at < n ? at : 0;
}

static void multiply_largest(const Matrix *w, const Activations *a, float *y, int threads) {
    const int64_t items = panels_of(w) / PANELS, together = within(items / (threads * 4), 1, 32);
    const int64_t handed_out = (items + together - 1) / together;
    Search search = {.product = {w, a, y, 0, 1, threads, items, together, 0}};
    run(upper_panels_together, &search, handed_out, threads);
    const int64_t best = first_of_the_largest(y, w->out);
    two_panels(&search.product, best / (PANELS * LANES));
    search.largest = y[best];
    double squares = 0;
    for (int64_t i = 0; i < a->padded; i++) {
        const double x = a->steps[i] * (double)a->scales[i / GROUP];
        squares += x * x;
    }
    search.reach = SURE * sqrt(squares);
    run(possible_panels_together, &search, handed_out, threads);
}
