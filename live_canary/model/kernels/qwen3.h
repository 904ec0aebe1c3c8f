/* Qwen3's layers around the products. */

#pragma once

#include "products.h"

typedef struct {
    Matrix qkv, o, gate_up, down;
    const float *input_norm, *q_norm, *k_norm, *post_norm;
    float *keys, *values; /* [kv_heads][positions][head_dim] */
} Layer;

typedef struct {
    const Layer *layers;
    const float *cos, *sin; /* [positions][head_dim] */
    int64_t layer_count, hidden, inner, heads, kv_heads, head_dim, positions;
    float eps;
} Decoder;

static void rms_norm(const float *x, const float *weight, float eps, int64_t n, float *y) {
    const __m512 scale = _mm512_set1_ps(1.0f / sqrtf(dot(x, x, n) / n + eps));
    for (int64_t i = 0; i < n; i += LANES) {
        const __mmask16 m = lanes(n - i);
        const __m512 normed = _mm512_mul_ps(_mm512_maskz_loadu_ps(m, x + i), scale);
        _mm512_mask_storeu_ps(y + i, m, _mm512_mul_ps(normed, _mm512_maskz_loadu_ps(m, weight + i)));
    }
}

static void rotate(float *x, const float *cos, const float *sin, int64_t head_dim) {
    const int64_t half = head_dim / 2;
    for (int64_t i = 0; i < half; i += LANES) {
        const __mmask16 m = lanes(half - i);
        const __m512 a = _mm512_maskz_loadu_ps(m, x + i), b = _mm512_maskz_loadu_ps(m, x + half + i);
        const __m512 c = _mm512_maskz_loadu_ps(m, cos + i), s = _mm512_maskz_loadu_ps(m, sin + i);
        _mm512_mask_storeu_ps(x + i, m, _mm512_fmsub_ps(a, c, _mm512_mul_ps(b, s)));
        _mm512_mask_storeu_ps(x + half + i, m, _mm512_fmadd_ps(b, c, _mm512_mul_ps(a, s)));
    }
}

static void silu_times(float *gate, const float *up, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) {
        const __mmask16 m = lanes(n - i);
        const __m512 x = _mm512_maskz_loadu_ps(m, gate + i);
        _mm512_mask_storeu_ps(gate + i, m, _mm512_mul_ps(silu(x), _mm512_maskz_loadu_ps(m, up + i)));
    }
}

/* Qwen3. One pass over new positions, whose x (rows, hidden) becomes what the layers make of it. */

typedef struct {
    const Decoder *d;
    const Layer *layer;
    const float *norm;
    float *x, *normed, *qkv, *attended, *gate_up;
    Activations wide, inner;
    int64_t rows, start;
    int64_t first; /* row that is needed, with those after it */
} Pass;

static void norm_row(const void *context, int64_t row) {
    const Pass *p = context;
    row += p->first;
    float *normed = p->normed + row * p->d->hidden;
    rms_norm(p->x + row * p->d->hidden, p->norm, p->d->eps, p->d->hidden, normed);
    quantize(normed, p->d->hidden, &p->wide, row);
}

static void place_row(const void *context, int64_t row) { /* queries and keys normed and turned, keys and values kept */
    const Pass *p = context;
    const Decoder *d = p->d;
    const int64_t n = d->head_dim, position = p->start + row;
    float *head = p->qkv + row * (d->heads + 2 * d->kv_heads) * n;
    for (int64_t h = 0; h < d->heads + d->kv_heads; h++, head += n) {
        rms_norm(head, h < d->heads ? p->layer->q_norm : p->layer->k_norm, d->eps, n, head);
        rotate(head, d->cos + position * n, d->sin + position * n, n);
        if (h >= d->heads)
            for (int64_t i = 0; i < n; i++)
                p->layer->keys[((h - d->heads) * d->positions + position) * n + i] = head[i];
    }
    for (int64_t h = 0; h < d->kv_heads; h++, head += n)
        for (int64_t i = 0; i < n; i++) p->layer->values[(h * d->positions + position) * n + i] = head[i];
}

static void attend(const void *context, int64_t item) { /* one query against the positions up to its own */
    const Pass *p = context;
    const Decoder *d = p->d;
    item += p->first * d->heads;
    const int64_t n = d->head_dim, row = item / d->heads, h = item % d->heads, end = p->start + row + 1;
    const int64_t shared = h / (d->heads / d->kv_heads) * d->positions * n;
    const float *query = p->qkv + (row * (d->heads + 2 * d->kv_heads) + h) * n;
    const float *keys = p->layer->keys + shared, *values = p->layer->values + shared;
    float weights[end];
    for (int64_t t = 0; t < end; t++) weights[t] = dot(query, keys + t * n, n) / sqrtf(n);
    const float total = soften(weights, end);
    weigh(weights, end, total, values, n, n, p->attended + item * n);
}

static void round_attended(const void *context, int64_t row) {
    const Pass *p = context;
    row += p->first;
    const int64_t in = p->d->heads * p->d->head_dim;
    quantize(p->attended + row * in, in, &p->inner, row);
}

static void gate_row(const void *context, int64_t row) {
    const Pass *p = context;
    row += p->first;
    float *gate = p->gate_up + row * p->d->inner * 2;
    silu_times(gate, gate + p->d->inner, p->d->inner);
    quantize(gate, p->d->inner, &p->inner, row);
}

static Pass lay_out(const Decoder *d, float *x, int64_t rows, int64_t start, char **at) {
    Pass p = {.d = d, .x = x, .rows = rows, .start = start};
    p.normed = room(at, rows * d->hidden * 4);
    p.qkv = room(at, rows * (d->heads + 2 * d->kv_heads) * d->head_dim * 4);
    p.attended = room(at, rows * d->heads * d->head_dim * 4);
    p.gate_up = room(at, rows * d->inner * 2 * 4);
    const int64_t bits = d->layers->qkv.bits, attended = d->heads * d->head_dim;
    p.wide = activations(rows, d->hidden, bits, at);
    p.inner = activations(rows, d->inner > attended ? d->inner : attended, bits, at);
    return p;
}

/* Positions start .. start + rows - 1, of which only the last ones are needed: what the others become is not computed to
   its end, only what these see of them. 0, or -1 when there is no memory. */
int live_canary_decode(const Decoder *d, float *x, int64_t rows, int64_t start, int64_t needed, int threads) {
    char *scratch = NULL, *at = NULL;
    lay_out(d, x, rows, start, &at);
    if (!(at = scratch = aligned_alloc(64, (intptr_t)at))) return -1;
    Pass p = lay_out(d, x, rows, start, &at);
    const int64_t group = group_of(d->layers->qkv.bits);
    const int64_t inner = pad(d->inner, group), attended = pad(d->heads * d->head_dim, group);
    for (int64_t l = 0; l < d->layer_count; l++) {
        p.layer = d->layers + l;
        p.norm = p.layer->input_norm;
        p.first = 0;
        run(norm_row, &p, rows, threads);
        multiply(&p.layer->qkv, &p.wide, p.qkv, 0, rows, 0, threads);
        run(place_row, &p, rows, threads);
        p.first = l < d->layer_count - 1 ? 0 : rows - needed;
        run(attend, &p, (rows - p.first) * d->heads, threads);
        p.inner.padded = attended;
        run(round_attended, &p, rows - p.first, threads);
        multiply(&p.layer->o, &p.inner, x, p.first, rows, 1, threads);
        p.inner.padded = inner;
        p.norm = p.layer->post_norm;
        run(norm_row, &p, rows - p.first, threads);
        multiply(&p.layer->gate_up, &p.wide, p.gate_up, p.first, rows, 0, threads);
        run(gate_row, &p, rows - p.first, threads);
        multiply(&p.layer->down, &p.inner, x, p.first, rows, 1, threads);
    }
    free(scratch);
    return 0;
}
