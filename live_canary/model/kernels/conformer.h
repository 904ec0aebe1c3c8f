/* The FastConformer's layers around the products: one utterance, each of whose frames sees every other. */

#pragma once

#include "elementwise.h"

typedef struct {
    const float *weight, *bias;
} Norm;

typedef struct {
    Matrix ff1_in, ff1_out, q, k, v, o, pointwise1, pointwise2, ff2_in, ff2_out;
    Norm norm_ff1, norm_attention, norm_conv, norm_ff2, norm_out;
    const float *bias_u, *bias_v;   /* [width] */
    const float *taps, *taps_bias;  /* [taps][width], [width]: depthwise convolution and batch norm in one */
    const float *relative;          /* [width][2 * longest - 1]: keys of distances longest - 1 down to 1 - longest */
} ConformerLayer;

typedef struct {
    const ConformerLayer *layers;
    int64_t layer_count, width, inner, heads, taps, longest;
    float eps;
} Conformer;

typedef struct {
    const Conformer *c;
    const ConformerLayer *layer;
    const Norm *norm;
    float *x, *normed, *q, *k, *v, *attended, *wide;
    float *keys; /* [width][padded frames]: k, turned */
    Activations from_width, from_inner;
    int64_t frames, padded;
} Encoding;

static void layer_norm(const float *x, const Norm *norm, float eps, int64_t n, float *y) {
    Vec sum = zeros(), squares = sum;
    for (int64_t i = 0; i < n; i += LANES) sum = add(sum, load(lanes(n - i), x + i));
    const Vec mean = each(sum_of(sum) / n);
    for (int64_t i = 0; i < n; i += LANES) {
        const Mask m = lanes(n - i);
        const Vec off = only(m, sub(load(m, x + i), mean));
        squares = mul_add(off, off, squares);
    }
    const Vec scale = each(1.0f / sqrtf(sum_of(squares) / n + eps));
    for (int64_t i = 0; i < n; i += LANES) {
        const Mask m = lanes(n - i);
        const Vec normed = mul(sub(load(m, x + i), mean), scale);
        const Vec weight = load(m, norm->weight + i), bias = load(m, norm->bias + i);
        put(y + i, m, mul_add(normed, weight, bias));
    }
}

static void conformer_norm(const void *context, int64_t row) {
    const Encoding *e = context;
    const int64_t n = e->c->width;
    layer_norm(e->x + row * n, e->norm, e->c->eps, n, e->normed + row * n);
    quantize(e->normed + row * n, n, &e->from_width, row);
}

static void last_norm(const void *context, int64_t row) {
    const Encoding *e = context;
    layer_norm(e->x + row * e->c->width, e->norm, e->c->eps, e->c->width, e->x + row * e->c->width);
}

static void activate(const void *context, int64_t row) {
    const Encoding *e = context;
    const int64_t n = e->c->inner;
    float *x = e->wide + row * n;
    for (int64_t i = 0; i < n; i += LANES) {
        const Mask m = lanes(n - i);
        put(x + i, m, silu(load(m, x + i)));
    }
    quantize(x, n, &e->from_inner, row);
}

static void turn_keys(const void *context, int64_t head) {
    const Encoding *e = context;
    const int64_t width = e->c->width, n = width / e->c->heads;
    for (int64_t t = 0; t < e->frames; t++)
        for (int64_t i = head * n; i < (head + 1) * n; i++) e->keys[i * e->padded + t] = e->k[t * width + i];
}

/* Queries of some frames, of one head, against every frame and its distance. `queries` is a constant wherever this is
   inlined. */
static inline __attribute__((always_inline)) void score(int queries, const Encoding *e, int64_t row, int64_t head,
                                                        float *scores) {
    const ConformerLayer *l = e->layer;
    const int64_t width = e->c->width, n = width / e->c->heads, frames = e->frames, distances = 2 * e->c->longest - 1;
    const float *keys = e->keys + head * e->padded, *u = l->bias_u + head, *v = l->bias_v + head;
    const float *relative = l->relative + head * distances + e->c->longest - 1 - row;
    const Vec scale = each(1 / sqrtf(n));
    float with_u[n][queries], with_v[n][queries];
    for (int64_t i = 0; i < n; i++)
        for (int q = 0; q < queries; q++) {
            with_u[i][q] = e->q[(row + q) * width + head + i] + u[i];
            with_v[i][q] = e->q[(row + q) * width + head + i] + v[i];
        }
    for (int64_t t = 0; t < frames; t += SCORED * LANES) {
        Vec sum[MOST_QUERIES][SCORED];
        Mask m[SCORED];
#pragma GCC unroll 4
        for (int b = 0; b < SCORED; b++) {
            m[b] = lanes(frames - t - b * LANES);
#pragma GCC unroll 4
            for (int q = 0; q < queries; q++) sum[q][b] = zeros();
        }
        for (int64_t i = 0; i < n; i++) {
            const float *key = keys + i * e->padded + t, *distance = relative + i * distances + t;
#pragma GCC unroll 4
            for (int b = 0; b < SCORED; b++) {
                const Vec there = load(m[b], key + b * LANES);
#pragma GCC unroll 4
                for (int q = 0; q < queries; q++) {
                    const Vec away = load(m[b], distance + b * LANES - q);
                    sum[q][b] = mul_add(each(with_u[i][q]), there, sum[q][b]);
                    sum[q][b] = mul_add(each(with_v[i][q]), away, sum[q][b]);
                }
            }
        }
#pragma GCC unroll 4
        for (int q = 0; q < queries; q++)
#pragma GCC unroll 4
            for (int b = 0; b < SCORED; b++)
                put(scores + q * e->padded + t + b * LANES, m[b], mul(sum[q][b], scale));
    }
}

static void attend_around(const void *context, int64_t item) { /* QUERIES queries of one head */
    const Encoding *e = context;
    const int64_t width = e->c->width, n = width / e->c->heads, a_head = (e->frames + QUERIES - 1) / QUERIES;
    const int64_t head = item / a_head * n, row = item % a_head * QUERIES;
    const int queries = e->frames - row < QUERIES ? e->frames - row : QUERIES;
    float scores[QUERIES * e->padded], totals[QUERIES], *attended[QUERIES];
    switch (queries) {
        case 1: score(1, e, row, head, scores); break;
        case 2: score(2, e, row, head, scores); break;
        case 3: score(3, e, row, head, scores); break;
        case 4: score(4, e, row, head, scores); break;
    }
    for (int q = 0; q < queries; q++) {
        totals[q] = soften(scores + q * e->padded, e->frames);
        attended[q] = e->attended + (row + q) * width + head;
    }
    weigh(queries, scores, e->padded, e->frames, totals, e->v + head, width, n, attended);
}

static void round_around(const void *context, int64_t row) {
    const Encoding *e = context;
    quantize(e->attended + row * e->c->width, e->c->width, &e->from_width, row);
}

static void gate(const void *context, int64_t row) { /* GLU, into its first half */
    const Encoding *e = context;
    const int64_t n = e->c->width;
    float *x = e->wide + row * 2 * n;
    for (int64_t i = 0; i < n; i += LANES) {
        const Mask m = lanes(n - i);
        const Vec open = sigmoid(load(m, x + n + i));
        put(x + i, m, mul(load(m, x + i), open));
    }
}

static void convolve(const void *context, int64_t row) { /* each channel over the frames around, then SiLU */
    const Encoding *e = context;
    const int64_t n = e->c->width, before = e->c->taps / 2;
    float *y = e->normed + row * n;
    for (int64_t i = 0; i < n; i += LANES) {
        const Mask m = lanes(n - i);
        Vec sum = load(m, e->layer->taps_bias + i);
        for (int64_t tap = 0; tap < e->c->taps; tap++) {
            const int64_t t = row + tap - before;
            if (t < 0 || t >= e->frames) continue;
            const Vec x = load(m, e->wide + t * 2 * n + i);
            sum = mul_add(load(m, e->layer->taps + tap * n + i), x, sum);
        }
        put(y + i, m, silu(sum));
    }
    quantize(y, n, &e->from_width, row);
}

static Encoding lay_out_encoding(const Conformer *c, float *x, int64_t frames, intptr_t *at) {
    Encoding e = {.c = c, .x = x, .frames = frames, .padded = pad(frames, LANES)};
    const int64_t rows = frames * c->width * 4;
    e.normed = room(at, rows), e.q = room(at, rows), e.k = room(at, rows), e.v = room(at, rows);
    e.attended = room(at, rows);
    e.wide = room(at, frames * (c->inner > 2 * c->width ? c->inner : 2 * c->width) * 4);
    e.keys = room(at, c->width * e.padded * 4);
    e.from_width = activations(frames, c->width, c->layers->q.bits, at);
    e.from_inner = activations(frames, c->inner, c->layers->q.bits, at);
    return e;
}

static void feed_forward(Encoding *e, const Norm *norm, const Matrix *in, const Matrix *out, int threads) {
    e->norm = norm;
    run(conformer_norm, e, e->frames, threads);
    multiply(in, &e->from_width, e->wide, 0, e->frames, 0, threads);
    run(activate, e, e->frames, threads);
    multiply(out, &e->from_inner, e->x, 0, e->frames, 0.5f, threads);
}

/* x (frames, width), frames <= longest, becomes what the layers make of it. 0, or -1 when there is no memory. */
static int encode(const Conformer *c, float *x, int64_t frames, int threads) {
    intptr_t at = 0;
    lay_out_encoding(c, x, frames, &at);
    void *scratch = malloc(at + 63);
    if (!scratch) return -1;
    at = pad((intptr_t)scratch, 64);
    Encoding e = lay_out_encoding(c, x, frames, &at);
    for (int64_t number = 0; number < c->layer_count; number++) {
        const ConformerLayer *l = e.layer = c->layers + number;
        feed_forward(&e, &l->norm_ff1, &l->ff1_in, &l->ff1_out, threads);
        e.norm = &l->norm_attention;
        run(conformer_norm, &e, frames, threads);
        multiply(&l->q, &e.from_width, e.q, 0, frames, 0, threads);
        multiply(&l->k, &e.from_width, e.k, 0, frames, 0, threads);
        multiply(&l->v, &e.from_width, e.v, 0, frames, 0, threads);
        run(turn_keys, &e, c->heads, threads);
        run(attend_around, &e, c->heads * ((frames + QUERIES - 1) / QUERIES), threads);
        run(round_around, &e, frames, threads);
        multiply(&l->o, &e.from_width, x, 0, frames, 1, threads);
        e.norm = &l->norm_conv;
        run(conformer_norm, &e, frames, threads);
        multiply(&l->pointwise1, &e.from_width, e.wide, 0, frames, 0, threads);
        run(gate, &e, frames, threads);
        run(convolve, &e, frames, threads);
        multiply(&l->pointwise2, &e.from_width, x, 0, frames, 1, threads);
        feed_forward(&e, &l->norm_ff2, &l->ff2_in, &l->ff2_out, threads);
        e.norm = &l->norm_out;
        run(last_norm, &e, frames, threads);
    }
    free(scratch);
    return 0;
}
