/* What the layers do between the products, 16 lanes at a time: vectors512.h or vectors256.h says how. */

#pragma once

#include "common.h"

enum { MOST_QUERIES = 4 }; /* that share a walk through the values */

static Vec exponential(Vec x) { /* of x <= 88; within 2 units in the last place */
    const Vec n = nearest(mul(x, each(1.44269504f)));
    Vec r = sub_mul(x, n, each(0.693359375f));
    r = sub_mul(r, n, each(-2.12194440e-4f));
    Vec p = each(1.0f / 5040);
    const float factorials[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f};
    for (int i = 0; i < 7; i++) p = mul_add(p, r, each(factorials[i]));
    return times_two_to(p, n);
}

static float dot(const float *a, const float *b, int64_t n) {
    Vec sum = zeros();
    for (int64_t i = 0; i < n; i += LANES) {
        const Mask m = lanes(n - i);
        sum = mul_add(load(m, a + i), load(m, b + i), sum);
    }
    return sum_of(sum);
}

static Vec sigmoid(Vec x) { /* the lesser of two is the second where one is no number */
    const Vec decay = exponential(lesser(each(88), sub(zeros(), x)));
    return over(each(1), add(each(1), decay));
}

static Vec silu(Vec x) { return mul(x, sigmoid(x)); }

/* Scores of n positions become e to the power of what they are less than the most of them. Gives the sum. */
static float soften(float *scores, int64_t n) {
    Vec most = each(-INFINITY);
    for (int64_t t = 0; t < n; t += LANES) /* the greater of two is the second where one is no number */
        most = greater(lanes(n - t), load(lanes(n - t), scores + t), most);
    most = each(greatest_of(most));
    float total = 0;
    for (int64_t t = 0; t < n; t += LANES) {
        const Mask m = lanes(n - t);
        const Vec e = exponential(sub(load(m, scores + t), most));
        put(scores + t, m, e);
        total += sum_of(only(m, e));
    }
    return total;
}

/* For each of some queries, y[query] (n) = the sum over positions of weights[query * apart + position] / totals[query]
   times the n values at `stride * position`. `queries` is a constant wherever this is inlined. */
static inline __attribute__((always_inline)) void weigh_for(int queries, const float *weights, int64_t apart,
                                                            int64_t positions, const float *totals, const float *values,
                                                            int64_t stride, int64_t n, float *const *y) {
    for (int64_t i = 0; i < n; i += WEIGHED * LANES) {
        Mask m[WEIGHED];
        Vec sum[MOST_QUERIES][WEIGHED];
#pragma GCC unroll 4
        for (int b = 0; b < WEIGHED; b++) {
            m[b] = lanes(n - i - b * LANES);
#pragma GCC unroll 4
            for (int q = 0; q < queries; q++) sum[q][b] = zeros();
        }
        for (int64_t t = 0; t < positions; t++)
#pragma GCC unroll 4
            for (int b = 0; b < WEIGHED; b++) {
                const Vec there = load(m[b], values + t * stride + i + b * LANES);
#pragma GCC unroll 4
                for (int q = 0; q < queries; q++)
                    sum[q][b] = mul_add(each(weights[q * apart + t]), there, sum[q][b]);
            }
#pragma GCC unroll 4
        for (int q = 0; q < queries; q++)
#pragma GCC unroll 4
            for (int b = 0; b < WEIGHED; b++)
                put(y[q] + i + b * LANES, m[b], over(sum[q][b], each(totals[q])));
    }
}

static void weigh(int queries, const float *weights, int64_t apart, int64_t positions, const float *totals,
                  const float *values, int64_t stride, int64_t n, float *const *y) {
    switch (queries) {
        case 1: weigh_for(1, weights, apart, positions, totals, values, stride, n, y); break;
        case 2: weigh_for(2, weights, apart, positions, totals, values, stride, n, y); break;
        case 3: weigh_for(3, weights, apart, positions, totals, values, stride, n, y); break;
        case 4: weigh_for(4, weights, apart, positions, totals, values, stride, n, y); break;
    }
}
