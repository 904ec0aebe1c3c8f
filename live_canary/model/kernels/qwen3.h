/* Qwen3's layers around the products. */

#pragma once

#include "elementwise.h"

typedef struct {
    Matrix qkv, o, gate_up, down;
    const float *input_norm, *q_norm, *k_norm, *post_norm;
    float *keys, *values; /* [kv_heads][positions][head_dim], positions a multiple of LANES */
} Layer;

typedef struct {
    const Layer *layers;
    const float *cos, *sin; /* [positions][head_dim] */
    int64_t layer_count, hidden, inner, heads, kv_heads, head_dim, positions;
    float eps;
} Decoder;

static void rms_norm(const float *x, const float *weight, float eps, int64_t n, float *y) {
    const Vec scale = each(1.0f / sqrtf(dot(x, x, n) / n + eps));
    for (int64_t i = 0; i < n; i += LANES) {
        const Mask m = lanes(n - i);
        const Vec normed = mul(load(m, x + i), scale);
        put(y + i, m, mul(normed, load(m, weight + i)));
    }
}

static void rotate(float *x, const float *cos, const float *sin, int64_t head_dim) {
    const int64_t half = head_dim / 2;
    for (int64_t i = 0; i < half; i += LANES) {
        const Mask m = lanes(half - i);
        const Vec a = load(m, x + i), b = load(m, x + half + i);
        const Vec c = load(m, cos + i), s = load(m, sin + i);
        put(x + i, m, mul_sub(a, c, mul(b, s)));
        put(x + half + i, m, mul_add(b, c, mul(a, s)));
    }
}

static void silu_times(float *gate, const float *up, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) {
        const Mask m = lanes(n - i);
        const Vec x = load(m, gate + i);
        put(gate + i, m, mul(silu(x), load(m, up + i)));
    }
}

/* Qwen3. One pass over new rows, whose x (rows, hidden) becomes what the layers make of it. A row belongs to an utterance,
   whose keys and values begin at one of the cache's positions, a multiple of LANES, and has a position in it. */

typedef struct {
    const Decoder *d;
    const Layer *layer;
    const float *norm;
    float *x, *normed, *qkv, *attended, *gate_up;
    Activations wide, inner;
    const int64_t *begins, *positions; /* of each row */
    int64_t first, asked; /* row that is needed, and how many there are with those after it */
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
    const int64_t n = d->head_dim, position = p->positions[row], place = p->begins[row] + position;
    float *head = p->qkv + row * (d->heads + 2 * d->kv_heads) * n;
    for (int64_t h = 0; h < d->heads + d->kv_heads; h++, head += n) {
        rms_norm(head, h < d->heads ? p->layer->q_norm : p->layer->k_norm, d->eps, n, head);
        rotate(head, d->cos + position * n, d->sin + position * n, n);
        if (h >= d->heads)
            for (int64_t i = 0; i < n; i++)
                p->layer->keys[((h - d->heads) * d->positions + place) * n + i] = head[i];
    }
    for (int64_t h = 0; h < d->kv_heads; h++, head += n)
        for (int64_t i = 0; i < n; i++) p->layer->values[(h * d->positions + place) * n + i] = head[i];
}

/* A query against 16 keys (n) that lie one behind the other, of which `count` are there; what lies behind is not kept. */
static void score_keys(const float *query, const float *keys, int64_t count, int64_t n, float *scores) {
    Vec sums[LANES];
    for (int64_t first = 0; first < LANES; first += KEYS) {
        Vec sum[KEYS];
#pragma GCC unroll 16
        for (int t = 0; t < KEYS; t++) sum[t] = zeros();
        for (int64_t i = 0; i < n; i += LANES) {
            const Mask m = lanes(n - i);
            const Vec some = load(m, query + i);
#pragma GCC unroll 16
            for (int t = 0; t < KEYS; t++) sum[t] = mul_add(some, load(m, keys + (first + t) * n + i), sum[t]);
        }
#pragma GCC unroll 16
        for (int t = 0; t < KEYS; t++) sums[first + t] = sum[t];
    }
    put(scores, lanes(count), mul(sums_of(sums), each(1 / sqrtf(n))));
}

static void attend(const void *context, int64_t item) { /* the queries of a row that share keys, against all up to its own */
    const Pass *p = context;
    const Decoder *d = p->d;
    const int64_t row = p->first + item % p->asked, shared = item / p->asked;
    const int64_t n = d->head_dim, end = p->positions[row] + 1;
    const int64_t queries = d->heads / d->kv_heads, first = shared * queries;
    const float *query = p->qkv + (row * (d->heads + 2 * d->kv_heads) + first) * n;
    const int64_t place = (shared * d->positions + p->begins[row]) * n;
    const float *keys = p->layer->keys + place, *values = p->layer->values + place;
    float scores[queries * end], totals[queries], *attended[queries];
    for (int64_t t = 0; t < end; t += LANES)
        for (int64_t q = 0; q < queries; q++)
            score_keys(query + q * n, keys + t * n, end - t < LANES ? end - t : LANES, n, scores + q * end + t);
    for (int64_t q = 0; q < queries; q++) {
        totals[q] = soften(scores + q * end, end);
        attended[q] = p->attended + (row * d->heads + first + q) * n;
    }
    for (int64_t q = 0; q < queries; q += QUERIES)
        weigh(queries - q < QUERIES ? queries - q : QUERIES, scores + q * end, end, end, totals + q, values, n, n,
              attended + q);
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

static Pass lay_out(const Decoder *d, float *x, int64_t rows, intptr_t *at) {
    Pass p = {.d = d, .x = x};
    p.normed = room(at, rows * d->hidden * 4);
    p.qkv = room(at, rows * (d->heads + 2 * d->kv_heads) * d->head_dim * 4);
    p.attended = room(at, rows * d->heads * d->head_dim * 4);
    p.gate_up = room(at, rows * d->inner * 2 * 4);
    const int64_t bits = d->layers->qkv.bits, attended = d->heads * d->head_dim;
    p.wide = activations(rows, d->hidden, bits, at);
    p.inner = activations(rows, d->inner > attended ? d->inner : attended, bits, at);
    return p;
}

/* Of the rows only the last ones are needed: what the others become is not computed to its end, only what these see of them.
   0, or -1 when there is no memory. */
static int decode(const Decoder *d, float *x, int64_t rows, const int64_t *begins, const int64_t *positions, int64_t needed,
                  int threads) {
    intptr_t at = 0;
    lay_out(d, x, rows, &at);
    void *scratch = malloc(at + 63);
    if (!scratch) return -1;
    at = pad((intptr_t)scratch, 64);
    Pass p = lay_out(d, x, rows, &at);
    p.begins = begins, p.positions = positions;
    const int64_t inner = pad(d->inner, GROUP), attended = pad(d->heads * d->head_dim, GROUP);
    for (int64_t l = 0; l < d->layer_count; l++) {
        p.layer = d->layers + l;
        p.norm = p.layer->input_norm;
        p.first = 0;
        run(norm_row, &p, rows, threads);
        multiply(&p.layer->qkv, &p.wide, p.qkv, 0, rows, 0, threads);
        run(place_row, &p, rows, threads);
        p.asked = l < d->layer_count - 1 ? rows : needed;
        p.first = rows - p.asked;
        run(attend, &p, p.asked * d->kv_heads, threads);
        p.inner.padded = attended;
        run(round_attended, &p, p.asked, threads);
        multiply(&p.layer->o, &p.inner, x, p.first, rows, 1, threads);
        p.inner.padded = inner;
        p.norm = p.layer->post_norm;
        run(norm_row, &p, p.asked, threads);
        multiply(&p.layer->gate_up, &p.wide, p.gate_up, p.first, rows, 0, threads);
        run(gate_row, &p, p.asked, threads);
        multiply(&p.layer->down, &p.inner, x, p.first, rows, 1, threads);
    }
    free(scratch);
    return 0;
}
