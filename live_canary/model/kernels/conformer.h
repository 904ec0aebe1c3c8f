/* The FastConformer's layers around the products: one utterance, each of whose frames sees every other. */

#pragma once

#include "products.h"

enum { BLOCKS = 5 }; /* of 16 frames, against which a query is multiplied at once */

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
    __m512 sum = _mm512_setzero_ps(), squares = sum;
    for (int64_t i = 0; i < n; i += LANES) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(lanes(n - i), x + i));
    const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / n);
    for (int64_t i = 0; i < n; i += LANES) {
        const __mmask16 m = lanes(n - i);
        const __m512 off = _mm512_maskz_sub_ps(m, _mm512_maskz_loadu_ps(m, x + i), mean);
        squares = _mm512_fmadd_ps(off, off, squares);
    }
    const __m512 scale = _mm512_set1_ps(1.0f / sqrtf(_mm512_reduce_add_ps(squares) / n + eps));
    for (int64_t i = 0; i < n; i += LANES) {
        const __mmask16 m = lanes(n - i);
        const __m512 normed = _mm512_mul_ps(_mm512_sub_ps(_mm512_maskz_loadu_ps(m, x + i), mean), scale);
        const __m512 weight = _mm512_maskz_loadu_ps(m, norm->weight + i), bias = _mm512_maskz_loadu_ps(m, norm->bias + i);
        _mm512_mask_storeu_ps(y + i, m, _mm512_fmadd_ps(normed, weight, bias));
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
        const __mmask16 m = lanes(n - i);
        _mm512_mask_storeu_ps(x + i, m, silu(_mm512_maskz_loadu_ps(m, x + i)));
    }
    quantize(x, n, &e->from_inner, row);
}

static void turn_keys(const void *context, int64_t head) {
    const Encoding *e = context;
    const int64_t width = e->c->width, n = width / e->c->heads;
    for (int64_t t = 0; t < e->frames; t++)
        for (int64_t i = head * n; i < (head + 1) * n; i++) e->keys[i * e->padded + t] = e->k[t * width + i];
}

static void attend_around(const void *context, int64_t item) { /* one query against every frame and its distance */
    const Encoding *e = context;
    const ConformerLayer *l = e->layer;
    const int64_t width = e->c->width, n = width / e->c->heads, head = item / e->frames * n, row = item % e->frames;
    const int64_t frames = e->frames, distances = 2 * e->c->longest - 1;
    const float *query = e->q + row * width + head, *u = l->bias_u + head, *v = l->bias_v + head;
    const float *keys = e->keys + head * e->padded;
    const float *relative = l->relative + head * distances + e->c->longest - 1 - row;
    const __m512 scale = _mm512_set1_ps(1 / sqrtf(n));
    float weights[e->padded];
    for (int64_t t = 0; t < frames; t += BLOCKS * LANES) {
        __m512 content[BLOCKS], position[BLOCKS];
        __mmask16 m[BLOCKS];
#pragma GCC unroll 8
        for (int b = 0; b < BLOCKS; b++) {
            content[b] = position[b] = _mm512_setzero_ps();
            m[b] = lanes(frames - t - b * LANES);
        }
        for (int64_t i = 0; i < n; i++) {
            const __m512 with_u = _mm512_set1_ps(query[i] + u[i]), with_v = _mm512_set1_ps(query[i] + v[i]);
            const float *key = keys + i * e->padded + t, *distance = relative + i * distances + t;
#pragma GCC unroll 8
            for (int b = 0; b < BLOCKS; b++) {
                const __m512 there = _mm512_maskz_loadu_ps(m[b], key + b * LANES);
                content[b] = _mm512_fmadd_ps(with_u, there, content[b]);
                position[b] = _mm512_fmadd_ps(with_v, _mm512_maskz_loadu_ps(m[b], distance + b * LANES), position[b]);
            }
        }
#pragma GCC unroll 8
        for (int b = 0; b < BLOCKS; b++)
            _mm512_mask_storeu_ps(weights + t + b * LANES, m[b],
                                  _mm512_mul_ps(_mm512_add_ps(content[b], position[b]), scale));
    }
    const float total = soften(weights, frames);
    weigh(weights, frames, total, e->v + head, width, n, e->attended + row * width + head);
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
        const __mmask16 m = lanes(n - i);
        const __m512 open = sigmoid(_mm512_maskz_loadu_ps(m, x + n + i));
        _mm512_mask_storeu_ps(x + i, m, _mm512_mul_ps(_mm512_maskz_loadu_ps(m, x + i), open));
    }
}

static void convolve(const void *context, int64_t row) { /* each channel over the frames around, then SiLU */
    const Encoding *e = context;
    const int64_t n = e->c->width, before = e->c->taps / 2;
    float *y = e->normed + row * n;
    for (int64_t i = 0; i < n; i += LANES) {
        const __mmask16 m = lanes(n - i);
        __m512 sum = _mm512_maskz_loadu_ps(m, e->layer->taps_bias + i);
        for (int64_t tap = 0; tap < e->c->taps; tap++) {
            const int64_t t = row + tap - before;
            if (t < 0 || t >= e->frames) continue;
            const __m512 x = _mm512_maskz_loadu_ps(m, e->wide + t * 2 * n + i);
            sum = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(m, e->layer->taps + tap * n + i), x, sum);
        }
        _mm512_mask_storeu_ps(y + i, m, silu(sum));
    }
    quantize(y, n, &e->from_width, row);
}

static Encoding lay_out_encoding(const Conformer *c, float *x, int64_t frames, char **at) {
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
int live_canary_encode(const Conformer *c, float *x, int64_t frames, int threads) {
    char *scratch = NULL, *at = NULL;
    lay_out_encoding(c, x, frames, &at);
    if (!(at = scratch = aligned_alloc(64, (intptr_t)at))) return -1;
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
        run(attend_around, &e, c->heads * frames, threads);
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
